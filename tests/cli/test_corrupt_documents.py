"""A document that is not what it should be: one answer, nothing changed, nothing guessed."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from cli.conftest import Cli
from fakes.git_repos import User
from fakes.small_records import a_run

from dispatch.state.document import DOCUMENT, PREVIOUS
from dispatch.state.document_store import DocumentStore, dump_run

CONFIG = """\
buildGate: [make test]
modelConfig: {planner: a/b, implementer: a/b, critic: a/b, gateCritic: a/b, greybeard: a/b,
  attribution: a/b, fixAgent: a/b}
"""


@pytest.fixture
def folder(user: User) -> Path:
    """A run that was interrupted after its second save."""
    user.write({"dispatch-config.yaml": CONFIG, "spec.md": "# Spec\n"})
    made = user.root / "dispatch" / "r"
    run = evolve(a_run(), target_repo_path=str(user.root), base_commit=user.head)
    store = DocumentStore.create(made, run)
    store.update(lambda run: evolve(run, base_branch="none at all"))
    (made / "spec.md").write_text("# Spec\n")
    return made


def content(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Everything in a folder, to the byte."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_mode,
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def changed(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A fault that changes the bytes of the document."""

    def fault(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return fault


def linked(path: Path) -> None:
    """The document is a link to one that is whole."""
    path.rename(path.with_name("other.yaml"))
    path.symlink_to("other.yaml")


def lost(path: Path) -> None:
    """The document is a link to nothing."""
    path.unlink()
    path.symlink_to("nothing")


def piped(path: Path) -> None:
    """The document is a pipe, at which a reader would wait."""
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    """The document is a folder."""
    path.unlink()
    path.mkdir()


def foreign(path: Path) -> None:
    """The document is whole, but of another run."""
    path.write_bytes(dump_run(evolve(a_run(), name="other")))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty": (changed(lambda data: b""), "the file is empty"),
    "truncated": (changed(lambda data: data[: len(data) // 2]), f"{DOCUMENT}:"),
    "nul": (changed(lambda data: data.replace(b"name: r", b"name: r\0")), f"{DOCUMENT}:"),
    "zeros": (changed(lambda data: bytes(len(data))), f"{DOCUMENT}:"),
    "not utf-8": (changed(lambda data: data + b"# \xff\xfe\n"), "UTF-8"),
    "twice": (changed(lambda data: data + b"name: r\n"), "name"),
    "wrong type": (changed(lambda data: data.replace(b"setup: []", b"setup: 3")), "setup: "),
    "newer": (changed(lambda data: data.replace(b'"1.0"', b'"2.0"')), "2.0"),
    "link": (linked, "symbolic links"),
    "link to nothing": (lost, "symbolic link"),
    "pipe": (piped, "not a regular file"),
    "folder": (a_folder, "not a regular file"),
    "foreign": (foreign, "other"),
}


@pytest.mark.parametrize("verb", ["run", "status", "retry", "answer", "report"])
@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_refused_and_nothing_is_changed(
    cli: Cli, user: User, folder: Path, fault: str, verb: str
) -> None:
    """[P-06] [P-08] The document before it is named, never taken."""
    break_it, reason = FAULTS[fault]
    break_it(folder / DOCUMENT)
    before, theirs = content(folder), user.fingerprint()
    code, out, err = cli(verb, "r")
    assert (code, out) == (1, "")
    assert reason in err
    assert "Traceback" not in err
    assert str(folder / PREVIOUS) in err
    assert content(folder) == before
    assert user.fingerprint() == theirs


def test_a_run_whose_folder_was_deleted_is_unknown(cli: Cli, folder: Path) -> None:
    shutil.rmtree(folder)
    code, out, err = cli("status", "r")
    assert (code, out) == (2, "")
    assert "There is no run r" in err
