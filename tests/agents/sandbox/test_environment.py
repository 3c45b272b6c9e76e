"""The variables of a command."""

from pathlib import Path

from dispatch.agents.sandbox import Sandbox
from dispatch.agents.sandbox.environment import FIXED, environment
from dispatch.agents.sandbox.launcher import Inside

INSIDE = Inside(home=Path("/s/home"), temporary=Path("/s/tmp"))


def test_the_environment_is_built_from_nothing(tmp_path: Path) -> None:
    """[IM-07] Only what the list names; relative entries of PATH are gone."""
    home = tmp_path / "operator"
    (home / ".rustup").mkdir(parents=True)
    sandbox = Sandbox(worktree=tmp_path, scratch=Path("/s"))
    outer = {
        "PATH": ".:/usr/bin::bin:/bin",
        "HOME": str(home),
        "VIRTUAL_ENV": "/venv",
        "JAVA_HOME": "",
        "API_KEY": "canary",
        "HTTP_PROXY": "canary",
    }
    assert environment(outer, sandbox, INSIDE, "run/1.1") == {
        **FIXED,
        "PATH": "/usr/bin:/bin",
        "HOME": "/s/home",
        "TMPDIR": "/s/tmp",
        "TEMP": "/s/tmp",
        "TMP": "/s/tmp",
        "VIRTUAL_ENV": "/venv",
        "RUSTUP_HOME": str(home / ".rustup"),
        "DISPATCH_COMMAND": "run/1.1",
    }


def test_proxies_are_passed_only_with_the_network(tmp_path: Path) -> None:
    """They may hold a password, and are of no use without it."""
    sandbox = Sandbox(worktree=tmp_path, scratch=Path("/s"), network=("example.org",))
    variables = environment({"HTTP_PROXY": "http://proxy"}, sandbox, INSIDE, "m")
    assert (variables["HTTP_PROXY"], variables["PATH"]) == (
        "http://proxy",
        "/usr/local/bin:/usr/bin:/bin",
    )
