"""Several things at once, as many as allowed, where one that fails does not lose the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextvars import ContextVar
from typing import Any, TypeVar

from attrs import define, field

from ..state.disk import refusal
from ..state.errors import WaitingForOperator

T = TypeVar("T")


@define(eq=False)
class _Places:
    """How many may work, and whether one of them failed."""

    free: asyncio.Semaphore
    failed: asyncio.Event = field(factory=asyncio.Event)


_PLACES: ContextVar[_Places | None] = ContextVar("_PLACES", default=None)


async def each_in_parallel(
    things: Iterable[T], at_most: int, do: Callable[[T], Awaitable[None]]
) -> None:
    """Do something for each; after a failure no more are started and the running ones finish.

    Raises the first failure, once nothing runs any more.  One that only waits for the operator is
    no failure: the others are started and finish, then that is raised.
    """
    await _each(things, _Places(asyncio.Semaphore(at_most)), do)


async def each_beside(things: Iterable[T], do: Callable[[T], Awaitable[None]]) -> None:
    """The same for parts of one thing: each needs a place among the siblings of the whole.

    The place of the whole is given up meanwhile.  Raises as ``each_in_parallel``.
    """
    places = _PLACES.get()
    assert places is not None  # only what has siblings has parts
    async with place_given_up():
        await _each(things, places, do)


async def _each(things: Iterable[T], places: _Places, do: Callable[[T], Awaitable[None]]) -> None:
    failures: list[Exception] = []
    waiting: list[WaitingForOperator] = []

    async def one(thing: T) -> None:
        _PLACES.set(places)
        async with places.free:
            if not failures:
                try:
                    await do(thing)
                except WaitingForOperator as error:
                    waiting.append(error)
                except Exception as error:  # raised below: siblings are paid for and may finish
                    failures.append(error)
                    places.failed.set()

    async with asyncio.TaskGroup() as group:
        for each in things:
            group.create_task(one(each))
    # What failed beside a disk that refuses may have failed for it.
    for error in sorted((*failures, *waiting), key=lambda error: refusal(error) is None):
        raise error


async def without_a_place(wait: Coroutine[Any, Any, T]) -> T:
    """Wait for something that is nobody's work, with the place given to a sibling meanwhile.

    Raises WaitingForOperator when a sibling fails, for then nothing is left to wait for.
    """
    places = _PLACES.get()
    if places is None:
        return await wait
    answer = asyncio.ensure_future(wait)
    failed = asyncio.ensure_future(places.failed.wait())
    places.free.release()
    try:
        await asyncio.wait({answer, failed}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        raise WaitingForOperator("The run stops for another task before this is answered.")
    finally:
        answer.cancel()
        failed.cancel()
        await asyncio.gather(answer, failed, return_exceptions=True)
        await places.free.acquire()


@contextlib.asynccontextmanager
async def place_given_up() -> AsyncIterator[None]:
    """Inside of it a sibling has the place; at its end one is waited for again."""
    places = _PLACES.get()
    if places is None:
        yield
        return
    places.free.release()
    try:
        yield
    finally:
        await places.free.acquire()
