"""A user's repository, and the command line called in it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import User, a_user

from dispatch.cli import main

Cli = Callable[..., tuple[int, str, str]]


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
