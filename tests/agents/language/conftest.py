"""A tree with files of a language that only the fake server knows, and the tools on it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.fake_language_server import argv
from fakes.language_bench import Bench, MakeBench, OfflineLauncher

from dispatch.agents.language import servers_for
from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import Launcher
from dispatch.agents.tools import toolset
from dispatch.state.config import LanguageServer, LanguageServers
from dispatch.state.redact import Redactor


@pytest.fixture
def bench(tmp_path: Path) -> MakeBench:
    """Makes a bench with a server of some trait, or with what ``config`` says."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "first.fake").write_text("name\nuse é𝄞 name\n", encoding="utf-8")

    @contextlib.asynccontextmanager
    async def make(
        trait: str = "honest",
        *,
        wait: float = 10.0,
        config: LanguageServers | None = None,
        launcher: Launcher | None = None,
        outer: dict[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        writable: bool = True,
    ) -> AsyncIterator[Bench]:
        server = LanguageServer(argv=argv(trait), suffixes=(".fake",))
        config = config or LanguageServers(find=False, wait_seconds=wait, servers=(server,))
        commands = CommandRunner(
            tmp_path / "run",
            tmp_path / "scratch",
            launcher=launcher or OfflineLauncher(),
            outer=outer,
        )
        redactor = Redactor(secrets)
        servers = servers_for(config, commands, root, tmp_path / "attempt", redactor)
        made = toolset(
            root,
            tmp_path / "attempt",
            writable=writable,
            commands=commands,
            redactor=redactor,
            servers=servers,
        )
        try:
            yield Bench(
                root=root,
                folder=tmp_path / "attempt",
                tools={tool.spec.name: tool for tool in made},
                servers=servers,
            )
        finally:
            if servers is not None:
                await servers.aclose()
            commands.close()
            assert list((tmp_path / "scratch").glob("onlooker-*")) == []

    return make
