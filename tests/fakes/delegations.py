"""A delegation to any executor, with values that are easy to find again."""

from pathlib import Path

from dispatch.agents.executors.delegation import Delegation, DelegationExecutor, HandOff

MODELS = {
    "ax": "",
    "claude": "anthropic/claude-sonnet-4-5",
    "codex": "openai/gpt-5.2",
    "gemini": "gemini/gemini-2.5-pro",
    "opencode": "anthropic/claude-sonnet-4-5",
}
SESSION = "0f3d2c1b-aaaa-4bbb-8ccc-0123456789ab"
OTHER_SESSION = "9e8d7c6b-dddd-4eee-8fff-ba9876543210"
SYSTEM = 'Who you are: "careful".\nNot more\\less.\tÄ€ \x7f'
PROMPT = "-p --help\nWrite hello.txt; $(touch here) `touch there` 'and' \"so\" on."
HAND_OFF = HandOff(
    name="dispatch",
    argv=("/opt/dispatch/bin/python", "-P", "-m", "bridge", '--socket=/tmp/a "b"/s'),
    tools=("askPlanner", "submitOutput"),
)


def delegation(
    executor: DelegationExecutor, *, writes: bool = True, key_variable: str | None = None
) -> Delegation:
    """One to that executor."""
    return Delegation(
        model=MODELS[executor.name],
        system=SYSTEM,
        prompt=PROMPT,
        worktree=Path("/work/tree"),
        home=Path("/run/home"),
        temporary=Path("/run/temporary"),
        hand_off=HAND_OFF,
        writes=writes,
        session=SESSION,
        key_variable=key_variable,
        max_turns=40,
    )
