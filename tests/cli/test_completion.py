"""Completions offer the runs that are there, and start nothing that a repository names."""

import shutil
import subprocess
from pathlib import Path

import pytest
from fakes.git_repos import User

COMPLETIONS = Path(__file__).parent.parent.parent / "share" / "completions"
BASH = """\
source {script}
COMP_WORDS=({words}); COMP_CWORD={last}
_shtab_dispatch {program} {word} {before}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(name="root")
def a_repository_with_runs(user: User) -> Path:
    """Two runs, a folder that is none, and names that a shell might carry out."""
    for name in ("login-form", "login-page", "$(touch pwned)", "a;touch pwned", "UPPER"):
        (user.root / "dispatch" / name).mkdir(parents=True)
        (user.root / "dispatch" / name / "run-state.yaml").touch()
    (user.root / "dispatch" / "login-notes").mkdir()
    (user.root / "below").mkdir()
    return user.root


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("report", ""), ["login-form", "login-page"]),
        (("report", "login-f"), ["login-form"]),
        (("graph", "--run", "login"), ["login-form", "login-page"]),
        (("statu",), ["status"]),
        (("schema", "--format", "m"), ["md", "man"]),
    ],
)
@pytest.mark.parametrize("folder", [".", "below"])
def test_bash_offers_what_is_there(
    words: tuple[str, ...], offered: list[str], folder: str, root: Path
) -> None:
    said = ("dispatch", *words)
    program = BASH.format(
        script=COMPLETIONS / "dispatch",
        words=" ".join(f"'{word}'" for word in said),
        last=len(said) - 1,
        program=said[0],
        word=f"'{said[-1]}'",
        before=said[-2],
    )
    done = subprocess.run(
        ["bash", "-c", program], cwd=root / folder, capture_output=True, check=False, text=True
    )
    assert sorted(done.stdout.split("\n")[:-1]) == sorted(offered), done.stderr
    assert list(root.rglob("pwned")) == []


@pytest.mark.parametrize("word", ["", "login-f"])
def test_fish_offers_what_is_there(word: str, root: Path) -> None:
    if not shutil.which("fish"):
        pytest.skip("SKIPPED: fish is not installed")
    program = f"source {COMPLETIONS / 'dispatch.fish'}; complete -C 'dispatch report {word}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", program],
        cwd=root / "below",
        capture_output=True,
        check=True,
        text=True,
    )
    offered = [line.partition("\t")[0] for line in done.stdout.split("\n")[:-1]]
    assert [name for name in offered if name.startswith("login")] == (
        ["login-form"] if word else ["login-form", "login-page"]
    )
    assert list(root.rglob("pwned")) == []


def test_zsh_is_given_the_names_as_they_are(root: Path) -> None:
    if not shutil.which("zsh"):
        pytest.skip("SKIPPED: zsh is not installed")
    program = (
        "compadd() { print -l -- $@ }\n"
        f"eval \"$(sed -n '/^_dispatch_runs/,/^}}/p' {COMPLETIONS / '_dispatch'})\"\n"
        "_dispatch_runs\n"
    )
    done = subprocess.run(
        ["zsh", "-fc", program], cwd=root / "below", capture_output=True, check=True, text=True
    )
    names = {"$(touch pwned)", "UPPER", "a;touch pwned", "login-form", "login-page"}
    assert set(done.stdout.split("\n")[1:-1]) == names
    assert list(root.rglob("pwned")) == []


@pytest.mark.parametrize(("shell", "file"), [("zsh", "_dispatch"), ("fish", "dispatch.fish")])
def test_other_shells_read_their_script(shell: str, file: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"SKIPPED: {shell} is not installed")
    done = subprocess.run([shell, "-n", COMPLETIONS / file], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
