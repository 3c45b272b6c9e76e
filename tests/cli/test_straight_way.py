"""A whole run from outside: a process of its own, a model behind HTTP, a user's repository.

What is expected is in ``straight_way/``: the document, the report and the branch, each as one
text in which only times, durations, sizes of output and the place of the repository are replaced.
A failing test leaves what it saw in its temporary folder, under the same name.
"""

import difflib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.child_program import Program, document, task_of, until
from fakes.expected_texts import BRANCH, DOCUMENT, check_texts, texts_of
from fakes.git_repos import User
from fakes.tally_user import HOOKS_THAT_RAN, KEY, KEY_VARIABLE, set_models, tally_script, tally_user
from fakes.thoroughness import thorough

from dispatch.agents.scripted.thread import ServerThread

RUN = "tally-run"
EXPECTED = Path(__file__).with_name("straight_way")
# Who has to wait until whom has submitted.
FIRST_A = {"1b-top turn 1": "1a-lines", "2b-tidy turn 1": "2a-command-line"}
FIRST_B = {"1a-lines turn 1": "1b-top", "2a-command-line turn 1": "2b-tidy"}


HEADERS = {"openai": ("authorization", f"Bearer {KEY}"), "anthropic": ("x-api-key", KEY)}
REFUSAL = """\
Error: submitOutput was not accepted: it was compared with the tree and the commands, and does not \
hold.
- These paths are changed, but filesModified does not name them; add them to it, or undo the \
changes: `tally/__init__.py` (modified).
Put the work or the claim right and call submitOutput again (refused 1 of at most 6 times)."""
# The turn that was under way counts at its worst, for nobody tells what it cost: what had been
# counted before, the bytes of the last tool result, and the limit of an answer.
AFTER_A_KILL = """\
-        unsettled: null
+        unsettled:
+          turns: 1
+          inputTokens: 4844
+          outputTokens: 32000
+          cachedTokens: 0
+          costUsd: 0.132844
"""


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody who works on the project of the demonstration."""
    return tally_user(tmp_path / "user")


@pytest.fixture
def program(user: User) -> Program:
    """The program, with the key of the user's endpoint."""
    return Program(user, {KEY_VARIABLE: KEY})


@pytest.mark.parametrize(
    ("adapter", "waits"),
    [
        ("openai", FIRST_A),
        pytest.param("openai", FIRST_B, marks=thorough),
        ("anthropic", {}),
    ],
    ids=["openai, a before b", "openai, b before a", "anthropic, side by side"],
)
def test_a_run_over_http_ends_the_same_whoever_is_first(
    tmp_path: Path, user: User, program: Program, adapter: str, waits: dict[str, str]
) -> None:
    """[E2E-01] [CLI-01] [TR-06] Two levels; a file that two tasks edit at the same time; a file
    that goes and one that is renamed to a name with blanks; deviations; a false claim, repaired.
    """
    before = _belongings(user)
    script = tally_script(*waits)
    with ServerThread(script) as server:
        set_models(user, server.url, adapter)
        with program.started(RUN) as process:
            for rule, task_id in waits.items():
                server.wait_seen(rule)
                until(_is(user, task_id, "submitted"))
                server.release(rule)
            ended = process.wait()
        server.check()
    assert (ended.code, ended.out) == (0, f"{user.root}/dispatch/{RUN}/report.md\n")
    check_texts(texts_of(user, RUN), EXPECTED, tmp_path)
    assert _belongings(user) == before
    (repaired,) = script.rule("1b-top turn 4").requests
    assert repaired.last == REFUSAL

    header, value = HEADERS[adapter]
    assert {request.headers[header] for request in server.requests} == {value}
    assert [request for request in server.requests if KEY in json.dumps(request.raw)] == []
    assert _files_with(KEY, user.root) == []
    assert KEY not in ended.err


def test_a_run_that_was_killed_goes_on_and_asks_nobody_again_who_had_finished(
    tmp_path: Path, user: User, program: Program
) -> None:
    """[E2E-04] The document differs in what the lost turn may have cost, and in nothing else."""
    script = tally_script("1b-top turn 3")
    script.rule("1b-top turn 3").times = 2  # every other rule answers once
    with ServerThread(script) as server:
        set_models(user, server.url, "openai")
        with program.started(RUN) as process:
            server.wait_seen("1b-top turn 3")
            until(_is(user, "1a-lines", "submitted"))
            process.kill()
        server.settled()
        server.release("1b-top turn 3")
        ended = program.run(RUN)
        server.check()
        assert [request.last for request in server.dropped] == ["recorded"]
    assert (ended.code, ended.out) == (0, f"{user.root}/dispatch/{RUN}/report.md\n")
    texts = texts_of(user, RUN)
    assert _differences(DOCUMENT, texts[DOCUMENT]) == AFTER_A_KILL
    assert _differences(BRANCH, texts[BRANCH]) == ""


def _is(user: User, task_id: str, status: str) -> Callable[[], bool]:
    return lambda: task_of(document(user, RUN), task_id).get("status") == status


def _belongings(user: User) -> dict[str, object]:
    """All that is the user's own and may not change; the one line that we add is taken out."""
    exclude = user.root / ".git" / "info" / "exclude"
    files = user.fingerprint()
    del files[exclude.relative_to(user.root).as_posix()]
    return {
        "files": files,
        "excluded": exclude.read_text().replace("/dispatch/\n", ""),
        "worktrees": user.git("worktree", "list", "--porcelain"),
        "hooks that ran": (user.home / HOOKS_THAT_RAN).exists(),
    }


def _files_with(secret: str, root: Path) -> list[Path]:
    return [
        path for path in root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]


def _differences(name: str, text: str) -> str:
    """What is different from the expected text, line by line."""
    expected = (EXPECTED / name).read_text(encoding="utf-8")
    lines = difflib.unified_diff(expected.splitlines(), text.splitlines(), n=0, lineterm="")
    return "".join(f"{line}\n" for line in lines if not line.startswith(("---", "+++", "@@")))
