"""``dispatch pr``: only shown, until the operator says that it is to be opened through ``gh``."""

import json
import os
import stat
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking

GH = """\
#!/bin/sh
echo "$@" >> "{log}"
case "$1 $2" in
"pr list") cat "{log}.list" 2>/dev/null || echo '[]' ;;
"pr create") cat > "{log}.body"; echo 'Creating' >&2; echo https://forge.example/pr/7 ;;
esac
"""


@pytest.fixture
def done(tmp_path: Path) -> Asking:
    """A run of one task that is done, a bare remote, and a ``gh`` that writes down its words."""
    run = asking(tmp_path, ("w",), "minor")
    script = tmp_path / "script.yaml"
    text = script.read_text(encoding="utf-8").replace(
        "summary: Wrote w.", 'summary: "Fixes #7 for @ann\\nSigned-off-by: Ann <a@example.org>"'
    )
    script.write_text(text, encoding="utf-8")
    run.user.write({"spec.md": "Some words.\n\n# Write @files ##\n"})
    assert run.program.run("run", "r").code == 0
    run.user.git("init", "-q", "--bare", str(tmp_path / "remote.git"))
    run.user.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    gh = bin_folder / "gh"
    gh.write_text(GH.format(log=tmp_path / "gh.log"), encoding="utf-8")
    gh.chmod(stat.S_IRWXU)
    run.program.variables["PATH"] = f"{bin_folder}:{os.environ['PATH']}"
    return run


def _remote(run: Asking) -> str:
    return run.user.git("ls-remote", "origin")


def test_without_a_word_of_his_nothing_leaves_the_machine(done: Asking, tmp_path: Path) -> None:
    shown = done.program.run("pr", "r")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("Write @files\n\n## What was done\n\n- `1a-w`: Write w. (`")
    assert shown.err == (
        "dispatch: dispatch/r into main of origin; nothing was pushed. "
        "To open it: dispatch pr r --create\n"
    )
    assert _remote(done) == ""
    assert not (tmp_path / "gh.log").exists()


def test_a_repository_without_a_remote_is_told_so_at_once(done: Asking) -> None:
    done.user.git("remote", "remove", "origin")
    shown = done.program.run("pr", "r")
    assert (shown.code, shown.out[:12]) == (0, "Write @files")
    problem = (
        "There is no remote 'origin'. "
        "This repository has none; add one: git remote add origin URL\n"
    )
    assert shown.err == f"dispatch: Nothing was pushed, and could not be: {problem}"
    refused = done.program.run("pr", "r", "--create")
    assert (refused.code, refused.out, refused.err) == (2, "", f"dispatch: {problem}")


def test_words_of_agents_mention_nobody_close_nothing_and_sign_nothing_off(done: Asking) -> None:
    body = json.loads(done.program.run("pr", "r", "--json").out)["body"]
    lines = body.splitlines()
    assert (
        "  - Fixes \\#\u200b7 for @\u200bann Signed-off-by: Ann \\<a@\u200bexample.org\\>" in lines
    )
    assert not [each for each in lines if each.startswith("Signed-off-by")]
    assert lines[-2] == "Dispatch-Run: r"
    assert lines[-1].startswith("Assisted-by: dispatch:scripted:")


def test_at_his_word_the_branch_is_pushed_and_the_request_is_opened_once(
    done: Asking, tmp_path: Path
) -> None:
    opened = done.program.run("pr", "r", "--create", "--draft")
    assert (opened.code, opened.out) == (0, "https://forge.example/pr/7\n"), opened.err
    tip = done.user.git("rev-parse", "dispatch/r")
    assert _remote(done) == f"{tip}\trefs/heads/dispatch/r"
    assert (tmp_path / "gh.log").read_text(encoding="utf-8").splitlines() == [
        "pr list --head dispatch/r --state open --json url",
        "pr create --head dispatch/r --title Write @files --body-file - --base main --draft",
    ]
    body = (tmp_path / "gh.log.body").read_text(encoding="utf-8")
    assert body == json.loads(done.program.run("pr", "r", "--json").out)["body"]
    (tmp_path / "gh.log.list").write_text('[{"url": "https://forge.example/pr/7"}]')
    again = done.program.run("pr", "r", "--create")
    assert (again.code, again.out) == (0, "https://forge.example/pr/7\n")
    assert "is open already" in again.err
    assert (tmp_path / "gh.log").read_text(encoding="utf-8").count("pr create") == 1


def test_what_cannot_be_opened_is_refused_before_anything_is_pushed(
    done: Asking, tmp_path: Path
) -> None:
    nowhere = done.program.run("pr", "r", "--create", "--remote", "--mirror")
    assert nowhere.code == 2
    unknown = done.program.run("pr", "r", "--create", "--remote", "fork")
    assert (unknown.code, unknown.err) == (
        2,
        "dispatch: There is no remote 'fork'. Name one by --remote: origin.\n",
    )
    done.user.git("branch", "-f", "dispatch/r", "main")
    moved = done.program.run("pr", "r", "--create")
    assert moved.code == 2
    assert "Push it yourself if that is what you want." in moved.err
    (tmp_path / "bin" / "gh").unlink()
    assert _remote(done) == ""


def test_a_gh_that_refuses_is_quoted_and_the_same_command_goes_on(
    done: Asking, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "gh").write_text("#!/bin/sh\necho 'not logged in' >&2\nexit 4\n")
    refused = done.program.run("pr", "r", "--create")
    assert refused.code == 1
    assert refused.err.endswith(
        "dispatch: gh pr list exited 4: not logged in The branch is pushed; the same command goes "
        "on.\n"
    )
