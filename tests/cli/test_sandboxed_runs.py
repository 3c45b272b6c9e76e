"""A run and its sandbox: taken, announced, written down; refused where nothing holds."""

import shutil
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import Program, until

from dispatch.agents.sandbox import landlock
from dispatch.agents.sandbox.tiers import choose
from dispatch.state.enums import SandboxTier
from dispatch.state.errors import ExitCode

HIDDEN = ("--dev-bind", "/", "/", "--ro-bind", "/dev/null")
needs_bubblewrap = pytest.mark.skipif(
    choose().launcher.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)


@pytest.fixture
def run(tmp_path: Path) -> Asking:
    """A run that asks nothing."""
    return asking(tmp_path, ("w",))


def report(run: Asking) -> str:
    """The report."""
    return (run.folder / "report.md").read_text(encoding="utf-8")


@needs_bubblewrap
def test_the_strongest_tier_is_taken_without_a_word_and_written_down(run: Asking) -> None:
    run.configure(sandbox={"processes": 300, "fileBytes": 2**30})
    ended = run.program.run("run", "r")
    assert ended.code == 0
    assert "sandbox" not in ended.err
    (held,) = run.run.sandboxes
    assert (held.tier, held.reasons, held.network) == (SandboxTier.BUBBLEWRAP, (), ())
    assert (held.processes, held.file_bytes) == (300, 2**30)
    line = next(line for line in report(run).splitlines() if line.startswith("- Sandbox: "))
    assert line.startswith("- Sandbox: bubblewrap; network: none; 300 processes, 16 GiB of memory")
    assert " 1 GiB a file; visible besides the system: " in line
    assert "unconfined" not in report(run)


def test_only_the_operator_s_word_lets_commands_run_unconfined(run: Asking) -> None:
    """It is said at the start, in the document and in the report, and for that start only."""
    ended = run.program.run("run", "r", "--no-sandbox")
    assert ended.code == 0
    assert "warning: commands of agents are not confined, as you said" in ended.err
    (held,) = run.run.sandboxes
    assert (held.tier, held.reasons) == (SandboxTier.NONE, ("the operator said --no-sandbox",))
    assert "- Sandbox: none; commands of agents and of the build gate ran unconfined" in report(run)


@pytest.mark.parametrize("text", ["sandbox: {network: [example.org]}\n", "sandbox: {}\n"])
def test_a_repository_has_no_say_in_it(run: Asking, text: str) -> None:
    config = run.user.root / "dispatch-config.yaml"
    config.write_text(config.read_text(encoding="utf-8") + text, encoding="utf-8")
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert "sandbox" in ended.err
    assert "belongs into your own" in ended.err
    assert not run.folder.exists()


@needs_bubblewrap
def test_a_tier_that_is_chosen_at_a_later_start_is_written_down_too(tmp_path: Path) -> None:
    """What ran unconfined once stays marked."""
    run = asking(tmp_path, ("x",))
    assert run.program.run("run", "r", "--no-sandbox", "--no-wait").code == ExitCode.WAITING
    assert run.program.run("answer", "r", "1a-x-dev-1", "continue").code == 0
    assert run.program.run("run", "r").code == 0
    assert [each.tier for each in run.run.sandboxes] == [SandboxTier.NONE, SandboxTier.BUBBLEWRAP]
    assert "ran unconfined" in report(run)


def without_bubblewrap(run: Asking) -> Program:
    """The program where bubblewrap is an empty file."""
    bubblewrap = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
    assert bubblewrap is not None
    return Program(run.user, prefix=(bubblewrap, *HIDDEN, bubblewrap))


def test_what_a_kill_leaves_of_homes_is_removed_at_the_next_start(tmp_path: Path) -> None:
    """And nobody else's, whatever it is called."""
    run = asking(tmp_path, ("z",))
    temporary = tmp_path / "temporary"
    (temporary / "dispatch-0123456789ab-other").mkdir(parents=True)
    run.program.variables["TMPDIR"] = str(temporary)
    with run.program.started("run", "r") as process:
        until(run.is_at_work)
        process.kill()
    assert len(list(temporary.glob("dispatch-*"))) == 2
    run.go.touch()
    assert run.program.run("run", "r").code == 0
    assert [each.name for each in temporary.glob("dispatch-*")] == ["dispatch-0123456789ab-other"]


@needs_bubblewrap
def test_without_bubblewrap_the_run_says_so_before_it_begins(run: Asking) -> None:
    """The next tier is announced as reduced; without one nothing is made."""
    ended = without_bubblewrap(run).run("run", "r")
    if ended.code == 0:
        assert "warning: the sandbox is reduced to landlock (bubblewrap: not installed)" in (
            ended.err
        )
        assert [each.tier for each in run.run.sandboxes] == [SandboxTier.LANDLOCK]
    else:
        assert ended.code == ExitCode.USAGE
        assert "No sandbox holds the commands of agents on this machine" in ended.err
        assert "--no-sandbox" in ended.err
        assert not run.folder.exists()


@needs_bubblewrap
@pytest.mark.skipif(landlock.unavailable() is not None, reason="no Landlock here")
def test_hosts_that_the_tier_cannot_reach_are_refused_before_anything_is_made(run: Asking) -> None:
    run.configure(sandbox={"setupNetwork": ["example.org"]})
    ended = without_bubblewrap(run).run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert "no command reaches one in the sandbox landlock, the strongest here" in ended.err
    assert "apt-get install bubblewrap" in ended.err
    assert not run.folder.exists()


@pytest.mark.parametrize("text", ["10.0.0.1", "https://example.org", "*.org"])
def test_a_line_that_names_no_host_is_refused_before_anything_is_made(
    run: Asking, text: str
) -> None:
    """It would permit less, or more, than its writer thinks."""
    run.configure(sandbox={"setupNetwork": [text]})
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert f"sandbox.setupNetwork names no host with '{text}': " in ended.err
    assert "Write example.org, *.example.org or example.org:8443." in ended.err
    assert not run.folder.exists()
