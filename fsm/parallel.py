"""Several things at once, as many as allowed, where one that fails does not lose the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def each_in_parallel(
    names: Iterable[str], at_most: int, do: Callable[[str], Awaitable[None]]
) -> None:
    """Do something for every name; after a failure no more are started and the running ones finish.

    Raises the first failure, once nothing runs any more.
    """
    places = asyncio.Semaphore(at_most)
    failures: list[Exception] = []

    async def one(name: str) -> None:
        async with places:
            if not failures:
                try:
                    await do(name)
                except Exception as error:  # raised below: siblings are paid for and may finish
                    failures.append(error)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))
    if failures:
        raise failures[0]
