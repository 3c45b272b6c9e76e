"""A real library, changed by a whole run: source that nobody wrote for these tests.

It is cachetools 5.5.0 (MIT): small, pure Python, with its tests in the source distribution, which
run from the source without anything installed, 215 of them in a twentieth of a second, by
unittest alone.  And it has something to repair: a test that never ran.

The source distribution is fetched once through pip and kept in ``.cache/`` of the repository.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
from fakes.child_program import Program, document, task_of
from fakes.git_repos import User, a_user

NAME, VERSION = "cachetools", "5.5.0"
SHA256 = "2cc24fb4cbe39633fb7badd9db9ca6295d766d9c2995f245725a46715d050f2a"
HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache" / "sources"
PIP_SECONDS = 60

SUITE = "PYTHONPATH=src python3 -m unittest discover -q -s tests -t ."
CACHES = ("cache", "fifo", "lfu", "lru", "mru", "rr", "tlru", "ttl")
ROLES = ("planner", "implementer", "critic", "gateCritic", "greybeard", "attribution", "fixAgent")
CONFIG = (
    f"buildGate:\n  - python3 -m compileall -q src tests\n  - {SUITE}\nmodelConfig:\n"
    + "".join(f"  {role}: scripted:{HERE / 'script.yaml'}\n" for role in ROLES)
)
COMMITS = {
    "Add key functions that leave named arguments out": [
        "M\tCHANGELOG.rst",
        "M\tdocs/index.rst",
        "M\tsrc/cachetools/keys.py",
        "M\ttests/test_keys.py",
    ],
    "Run the test of methodkey": ["M\ttests/test_fifo.py", "M\ttests/test_keys.py"],
    "Give the test mixin and the change log places of their own": [
        "M\tMANIFEST.in",
        "M\tREADME.rst",
        "R100\tCHANGELOG.rst\tdocs/changes.rst",
        "M\ttests/__init__.py",
        "A\ttests/mixin.py",
        *(f"M\ttests/test_{name}.py" for name in CACHES),
    ],
}
REFUSAL = f"""\
submitOutput was not accepted: it was compared with the tree and the commands, and does not hold.
- The build gate's command `{SUITE}` passed before your changes; we ran it, and it exited with 1.
- You recorded `{SUITE}` with exit code 0; we ran it, and it exited with 1. Repair what fails, run \
it again, and record what it gives then.
Put the work or the claim right and call submitOutput again (refused 1 of at most 6 times)."""


@pytest.fixture(scope="session")
def source() -> Path:
    """The library's source distribution; skips when it is not cached and pip cannot fetch it."""
    path = CACHE / f"{NAME}-{VERSION}.tar.gz"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=1"]
        # Its build tools come from here: pip asks them for the metadata of what it fetches.
        command += ["--no-binary=:all:", "--no-build-isolation", "--timeout=10", f"--dest={CACHE}"]
        done = subprocess.run(
            [*command, f"{NAME}=={VERSION}"], capture_output=True, text=True, timeout=PIP_SECONDS
        )
        if done.returncode:
            said = (done.stderr.strip() or "nothing").splitlines()[-1]
            pytest.skip(f"pip cannot fetch the source of {NAME} {VERSION}; it says: {said}")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


@pytest.fixture
def user(tmp_path: Path, source: Path) -> User:
    """Somebody who has the library in a repository, with the spec and a configuration."""
    user = a_user(tmp_path / "user", {})
    subprocess.run(["tar", "-xzf", source, "-C", tmp_path], check=True)
    copytree(tmp_path / f"{NAME}-{VERSION}", user.root, dirs_exist_ok=True)
    spec = (HERE / "spec.md").read_text(encoding="utf-8")
    user.write({"spec.md": spec, "dispatch-config.yaml": CONFIG, ".gitignore": "__pycache__/\n"})
    user.commit(f"{NAME} {VERSION}")
    return user


def test_three_tasks_of_a_real_library_pass_its_own_test_suite(user: User) -> None:
    """[RL-09] A false claim of success is found out by the library's tests; two tasks edit one
    file; what was moved is a rename; the result passes where its user looks at it.
    """
    ended = Program(user).run("library")
    assert (ended.code, ended.out) == (0, f"{user.root}/dispatch/library/report.md\n"), ended.err

    assert _commits(user) == COMMITS
    assert _exit_codes(user) == {
        "baseline": [0, 0],
        "1a-ignoring": [0, 0],
        "1b-dead-test": [0],
        "2a-places": [0, 0],
        "final": [0, 0],
    }
    refused, accepted = _answers(user, "1a-ignoring.implementer.1", "submitOutput")
    sentences, _, printed = refused.partition("\n- The end of what ")
    *_, last = refused.splitlines()
    assert ("\n".join((sentences, last)), accepted) == (REFUSAL, "ok")
    assert "FAILED (failures=2)" in printed
    assert _ran(user.root) == 215
    user.git("worktree", "add", "--quiet", str(user.home / "result"), "dispatch/library")
    assert _ran(user.home / "result") == 218


def _commits(user: User) -> dict[str, list[str]]:
    """The files of each commit of the run by its subject."""
    found = {}
    for commit in user.git("rev-list", "--reverse", "main..dispatch/library", "--").split():
        shown = user.git("show", "--find-renames", "--name-status", "--format=%s", commit)
        subject, _, *files = shown.split("\n")
        found[subject] = files
    return found


def _answers(user: User, attempt: str, tool: str) -> list[str]:
    """What an agent was told by one of its tools."""
    path = user.root / "dispatch" / "library" / "attempts" / attempt / "transcript.jsonl"
    said = [json.loads(line)["message"] for line in path.read_text(encoding="utf-8").splitlines()]
    return [message["content"] for message in said if message.get("name") == tool]


def _exit_codes(user: User) -> dict[str, list[object]]:
    """What each command of the run exited with, by where it was run."""
    run = document(user, "library")
    found = {"baseline": run["baselineCommands"]}
    for task_id in ("1a-ignoring", "1b-dead-test", "2a-places"):
        evidence = task_of(run, task_id)["evidence"]
        assert isinstance(evidence, dict)
        found[task_id] = evidence["commands"]
    rounds = run["verificationRounds"]
    assert isinstance(rounds, list)
    (last,) = rounds
    found["final"] = last["commands"]
    return {
        name: [each["exitCode"] for each in commands]
        for name, commands in found.items()
        if isinstance(commands, list)
    }


def _ran(root: Path) -> int:
    """How many tests of the library pass there."""
    done = subprocess.run(SUITE, shell=True, cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("Ran ")]
    return int(line.split()[1])
