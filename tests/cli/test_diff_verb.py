"""``dispatch diff``: what a run or a task changed, safe to look at."""

import json
import re
import shutil
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.git_repos import User

PATCH = """\
diff --git a/w b/w
new file mode 100644
index 0000000000000000000000000000000000000000..{blob}
--- /dev/null
+++ b/w
@@ -0,0 +1 @@
+w
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    """A run that is done: ``w``, then ``y``."""
    run = asking(tmp_path_factory.mktemp("done"), ("w",), "minor", later=("y",))
    assert run.program.run("run", "r").code == 0
    return run


def _blob(user: User, path: str) -> str:
    return user.git("rev-parse", f"dispatch/r:{path}")


def test_a_run_is_shown_from_where_it_began_to_its_end(done: Asking) -> None:
    shown = done.program.run("diff", "r")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith(PATCH.format(blob=_blob(done.user, "w")))
    assert "+++ b/y\n@@ -0,0 +1 @@\n+y\n" in shown.out
    stat = done.program.run("diff", "r", "--stat")
    assert stat.out == ("added     +1     -0     w\nadded     +1     -0     y\n2 files, +2 -0\n")


def test_a_task_is_shown_with_its_message(done: Asking) -> None:
    shown = done.program.run("diff", "r", "--task", "2a-y")
    assert shown.code == 0
    assert "Dispatch-Task: 2a-y\n" in shown.out
    assert "+++ b/y\n" in shown.out
    assert "+++ b/w\n" not in shown.out
    data = json.loads(done.program.run("diff", "r", "--task", "1a-w", "--json").out)
    commit = done.user.git("rev-parse", "dispatch/r~1")
    base = done.user.git("rev-parse", "dispatch/r~2")
    assert data["steps"] == [{"from": base, "to": commit}]
    assert [each["path"] for each in data["files"]] == ["w"]


def test_a_task_that_is_not_there_is_answered_with_the_nearest(done: Asking) -> None:
    refused = done.program.run("diff", "r", "--task", "2a-z")
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == "dispatch: Run r has no task 2a-z. Did you mean 2a-y?\n"


def test_what_was_published_can_be_shown_when_the_runs_own_store_is_gone(tmp_path: Path) -> None:
    """And whatever a file holds, the screen gets no control characters; tabs stay."""
    run = asking(tmp_path, ("w",), "minor")
    script = tmp_path / "script.yaml"
    text = script.read_text(encoding="utf-8")
    hostile = re.sub(r"content: \|\n +w\n", r'content: "\\ta\\e[31mb\\n"\n', text)
    assert hostile != text
    script.write_text(hostile, encoding="utf-8")
    assert run.program.run("run", "r").code == 0
    before = run.program.run("diff", "r")
    assert before.out.endswith("+\tab\n")
    shutil.rmtree(run.folder / "git")
    assert run.program.run("diff", "r").out == before.out
    assert "+\tab\n" in run.program.run("diff", "r", "--task", "1a-w").out
