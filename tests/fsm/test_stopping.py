"""Once a run is to stop nothing is admitted, and what is at work is waited for."""

import asyncio

import pytest

from dispatch.fsm.stopping import Stopping


async def test_before_a_signal_everything_is_admitted() -> None:
    stopping = Stopping()
    await stopping.admit()
    async with stopping.agent():
        assert stopping.agents == 1
    assert stopping.agents == 0


async def test_afterwards_whoever_asks_waits_until_it_is_cancelled() -> None:
    stopping = Stopping()
    stopping.ask()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await stopping.admit()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02), stopping.agent():
            raise AssertionError("an agent was admitted")
    assert stopping.agents == 0


async def test_it_is_idle_as_soon_as_the_last_agent_has_ended() -> None:
    """[W-42] The grace is an upper bound, not a pause."""
    stopping = Stopping()
    async with stopping.agent():
        stopping.ask()
        waiting = asyncio.ensure_future(stopping.wait(3600))
        await asyncio.sleep(0)
        assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting


async def test_the_grace_ends_the_wait() -> None:
    stopping = Stopping()
    async with stopping.agent():
        stopping.ask()
        await stopping.wait(0.01)
        assert stopping.agents == 1
