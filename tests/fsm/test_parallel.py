"""Places: how many work at a time, and who gives his place away meanwhile."""

import asyncio
import errno

import pytest

from dispatch.fsm.parallel import each_in_parallel, place_given_up


async def test_who_only_waits_lets_a_sibling_work_and_takes_a_place_again() -> None:
    """With one place: the second works inside the wait of the first, and never beside it."""
    seen: list[str] = []
    second_is_done = asyncio.Event()

    async def do(name: str) -> None:
        seen.append(f"{name} begins")
        if name == "first":
            async with place_given_up():
                await second_is_done.wait()
        else:
            second_is_done.set()
            await asyncio.sleep(0)
        seen.append(f"{name} ends")

    async with asyncio.timeout(5):
        await each_in_parallel(["first", "second"], 1, do)
    assert seen == ["first begins", "second begins", "second ends", "first ends"]


async def test_where_there_are_no_places_there_is_none_to_give_up() -> None:
    async with place_given_up():
        pass


async def test_a_machine_that_refuses_is_the_reason_whatever_else_failed_beside_it() -> None:
    """What a sibling failed with may be its doing, and it is met again if it is not."""

    async def do(name: str) -> None:
        await asyncio.sleep(0)
        if name == "first":
            raise ValueError("half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await each_in_parallel(["first", "second"], 2, do)
