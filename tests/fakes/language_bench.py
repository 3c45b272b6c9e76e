"""The tools of one agent beside language servers."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from attrs import evolve, frozen

from dispatch.agents.language import Servers
from dispatch.agents.sandbox import PlainLauncher, Sandbox
from dispatch.agents.sandbox.launcher import Inside
from dispatch.agents.tools import Tool, ToolResult


class OfflineLauncher(PlainLauncher):
    """Says that there is no network; what the fake server does nobody has to be kept from."""

    def inside(self, sandbox: Sandbox) -> Inside:
        """Its folders."""
        return evolve(super().inside(sandbox), is_offline=True)


@frozen(kw_only=True)
class Bench:
    """The tools of one agent, by name, over its tree, and its servers."""

    root: Path
    folder: Path
    tools: dict[str, Tool]
    servers: Servers | None

    def call(self, name: str, **arguments: object) -> Awaitable[ToolResult]:
        """Call a tool by its name."""
        return self.tools[name].call(arguments)


MakeBench = Callable[..., AbstractAsyncContextManager[Bench]]
