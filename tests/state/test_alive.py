"""What passes while nobody here can look makes no timer fire; what passes in the world does."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from attrs import define
from fakes.model_fake import SteppedTime

from dispatch.state.alive import (
    LONGEST_GAP_SECONDS,
    TICK_SECONDS,
    Alarm,
    AliveClock,
    alive_seconds,
    world_seconds,
)
from dispatch.state.alive_loop import AliveLoop, sleep_in_the_world

DAY = 86_400.0


@define
class Jumping:
    """The kernel's clock, of which a process that was stopped sees a jump."""

    lost: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return world_seconds() + self.lost


def test_short_steps_count_and_a_jump_does_not() -> None:
    time = SteppedTime(now=100.0)
    clock = AliveClock(time)
    began = clock()
    for _ in range(10):
        time.now += TICK_SECONDS
        clock()
    time.now += DAY
    assert clock() - began == pytest.approx(10 * TICK_SECONDS)
    time.now += LONGEST_GAP_SECONDS
    assert clock() - began == pytest.approx(10 * TICK_SECONDS + LONGEST_GAP_SECONDS)


def test_it_never_goes_back() -> None:
    time = SteppedTime()
    clock = AliveClock(time)
    readings = []
    for step in (0.1, 3.0, 0.0, 2.0, 2.1, DAY, 0.5):
        time.now += step
        readings.append(clock())
    assert readings == sorted(readings)
    assert readings[-1] == pytest.approx(2.6)


def test_ours_goes_on_by_itself() -> None:
    """Somebody looks also while nobody reads it: waiting is no gap."""
    names = [each.name for each in threading.enumerate()]
    began = alive_seconds()
    assert alive_seconds() >= began
    assert "alive" in [*names, *(each.name for each in threading.enumerate())]


def _on_a_loop_that_jumps(work: Callable[[Jumping], object]) -> None:
    jumping = Jumping()
    with asyncio.Runner(loop_factory=lambda: AliveLoop(AliveClock(jumping))) as runner:
        runner.run(work(jumping))  # type: ignore[arg-type]


def test_no_timer_of_the_loop_fires_for_a_jump() -> None:
    """Neither ours nor a library's: a limit, a wait, a sleep."""

    async def work(jumping: Jumping) -> None:
        arrived = asyncio.Event()
        slept = asyncio.ensure_future(asyncio.sleep(60))
        asyncio.get_running_loop().call_later(0.02, arrived.set)
        async with asyncio.timeout(60):
            waited = asyncio.ensure_future(asyncio.wait({slept}, timeout=60))
            jumping.lost += DAY
            await arrived.wait()
        assert not slept.done()
        assert not waited.done()
        for each in (waited, slept):
            each.cancel()
        await asyncio.gather(waited, slept, return_exceptions=True)

    _on_a_loop_that_jumps(work)


def test_without_it_the_same_jump_would_end_the_wait() -> None:
    """The control: this is what an ordinary loop makes of it."""

    async def work() -> None:
        def jump() -> None:
            jumping.lost += DAY

        asyncio.get_running_loop().call_soon(jump)
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    jumping = Jumping()
    with asyncio.Runner(loop_factory=lambda: AliveLoop(jumping)) as runner:
        # Whatever wakes the loop, it looks at its timers.
        runner.get_loop().call_later(0.02, lambda: None)
        with pytest.raises(TimeoutError):
            runner.run(work())


async def test_a_sleep_in_the_world_ends_when_the_world_is_there() -> None:
    """A provider's pause is over after the night, whoever slept through it."""
    world = SteppedTime()
    sleeping = asyncio.ensure_future(sleep_in_the_world(3600.0, world))
    await asyncio.sleep(0)
    assert not sleeping.done()
    world.now += 3600.0
    sleeping.cancel()
    await asyncio.gather(sleeping, return_exceptions=True)
    await sleep_in_the_world(0.0, world)


def test_an_alarm_rings_once_unless_it_is_cancelled() -> None:
    rang = threading.Event()
    Alarm(0.01, rang.set)
    assert rang.wait(10)
    cancelled = Alarm(1000.0, lambda: pytest.fail("it rang"))
    cancelled.cancel()
