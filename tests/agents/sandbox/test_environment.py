"""The variables of a command, and its folders."""

from pathlib import Path

from dispatch.agents.sandbox import Sandbox, Toolchains
from dispatch.agents.sandbox.caches import Link
from dispatch.agents.sandbox.environment import FIXED, OFFLINE, environment, prepare
from dispatch.agents.sandbox.launcher import Inside

INSIDE = Inside(home=Path("/s/home"), temporary=Path("/s/tmp"))
FOUND = Toolchains(path=("/a/bin", "/usr/bin"), variables={"RUSTUP_HOME": "/a"})
OWN = {
    "PATH": "/a/bin:/usr/bin",
    "RUSTUP_HOME": "/a",
    "HOME": "/s/home",
    "TMPDIR": "/s/tmp",
    "TEMP": "/s/tmp",
    "TMP": "/s/tmp",
    "DISPATCH_COMMAND": "run/1.1",
}


def test_the_environment_is_built_from_nothing(tmp_path: Path) -> None:
    """[IM-07] Toolchains, what is fixed, and the command's own folders."""
    sandbox = Sandbox(worktree=tmp_path, scratch=Path("/s"))
    assert environment(FOUND, sandbox, INSIDE, "run/1.1") == {**OFFLINE, **FIXED, **OWN}


def test_tools_are_told_to_do_without_the_network_where_there_is_none(tmp_path: Path) -> None:
    """Where there is some, or nothing keeps it from them, they are not."""
    networked = Sandbox(worktree=tmp_path, scratch=Path("/s"), network=("example.org",))
    assert environment(FOUND, networked, INSIDE, "run/1.1") == {**FIXED, **OWN}
    open_world = Inside(home=Path("/s/home"), temporary=Path("/s/tmp"), is_offline=False)
    alone = Sandbox(worktree=tmp_path, scratch=Path("/s"))
    assert environment(FOUND, alone, open_world, "run/1.1") == {**FIXED, **OWN}


def test_a_home_is_made_once_and_never_written_into_again(tmp_path: Path) -> None:
    """A command may have replaced what was there by a link that leads out of its home."""
    sandbox = Sandbox(worktree=tmp_path, scratch=tmp_path / "s")
    links = (Link(inner=".cache/it/piece", outer=Path("/operator/piece")),)
    prepare(sandbox, links)
    assert (sandbox.home / ".cache/it/piece").readlink() == Path("/operator/piece")
    assert "agent@localhost" in (sandbox.home / ".gitconfig").read_text()
    (sandbox.home / ".gitconfig").unlink()
    (sandbox.home / ".gitconfig").symlink_to(tmp_path / "outside")
    (sandbox.home / ".cache/it/piece").unlink()
    prepare(sandbox, links)
    assert not (tmp_path / "outside").exists()
    assert sorted(each.name for each in sandbox.scratch.iterdir()) == ["home", "tmp"]
    assert not (sandbox.home / ".cache/it/piece").is_symlink()
