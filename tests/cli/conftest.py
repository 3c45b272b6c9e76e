"""A user's repository, and the command line called in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.git_repos import User, a_user
from fakes.legal_events import legal_events

from dispatch.cli import main
from dispatch.state.event_log import EVENTS

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def published_events(tmp_path: Path) -> Iterator[None]:
    """Every run of every test here leaves events that are as published."""
    yield
    for path in sorted(tmp_path.glob(f"**/dispatch/*/{EVENTS}")):
        legal_events(path.parent)


@pytest.fixture
def user(tmp_path: Path) -> User:
    """A user with a repository of one commit."""
    return a_user(tmp_path / "user")


@pytest.fixture
def cli(user: User, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Call the command line in the repository: exit code, stdout, stderr."""
    monkeypatch.chdir(user.root)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(scope="session")
def straight(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The branch of ``run`` when nothing came in its way."""
    run = asking(tmp_path_factory.mktemp("straight"), ("z",))
    run.go.touch()
    assert run.program.run("run", "r").code == 0
    return run.user.git("rev-parse", "dispatch/r")


@pytest.fixture
def run(tmp_path: Path) -> Asking:
    """A run whose one agent waits for ``go``."""
    return asking(tmp_path, ("z",))
