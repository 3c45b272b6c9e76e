"""The live view on a real terminal: what a person sees while a run works, by themselves or not."""

import time
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.tmux_pane import Pane, needs_tmux, pane

from dispatch.state.enums import RunStatus

pytestmark = needs_tmux

TITLES = r"role +task +executor +turn +tokens +cost +tool +silent\n"
AGENT = r"implementer +1a-z +scripted:\S+ +1 +110 +\$0\.2500 +run_shell … +\d+s\n"
VIEW = (
    r"─+\n"
    r"r  executing, level 1 of 1, 0 of 1 tasks completed, \d+s\n"
    r"budget \$0\.5000 of \$20\.0000 \(2%\)  █░{23}  used 220 tokens, \$0\.5000\n"
    + TITLES
    + AGENT
    + r"waits for the implementer of 1a-z$"
)


@pytest.fixture
def working(tmp_path: Path) -> Asking:
    """A run whose one agent waits for ``go``, with a cap."""
    run = asking(tmp_path, ("z",))
    run.configure(runLimits={"usd": 20})
    return run


def test_the_view_stands_below_the_trace_and_is_gone_at_the_end(working: Asking) -> None:
    with pane(working.program) as seat:
        seat.dispatch("run", "r")
        seat.see(VIEW)
        assert "[run] gating-plan → executing\n" in seat.screen()
        working.go.touch()
        seat.see(r"dispatch/r/report\.md\nat-home%$")
        # Every line of the trace, each once, and nothing of any picture.
        shown = seat.history()
        assert shown.count("[run] ") == 6
        assert "waits for" not in shown
        assert "─" not in shown


def test_it_fits_the_terminal_whatever_becomes_of_its_size(working: Asking) -> None:
    with pane(working.program) as seat:
        seat.dispatch("run", "r")
        seat.see(VIEW)
        seat.resize(60, 20)
        seat.see(r"\nrole +task +turn +tokens +tool +silent\nimplementer +1a-z +1 +110")
        assert seat.screen().count("waits for") == 1
        seat.resize(120, 30)
        seat.see(VIEW)
        assert seat.screen().count("waits for") == 1
        working.go.touch()
        seat.see(r"report\.md\nat-home%$")
        assert "waits for" not in seat.history()


def test_a_stopped_job_leaves_the_terminal_to_the_shell_and_comes_back(working: Asking) -> None:
    with pane(working.program) as seat:
        seat.dispatch("run", "r")
        seat.see(VIEW)
        seat.press("C-z")
        seat.see(r"Stopped.*\n(.*\n)?at-home%$")
        seat.type("echo nothing is drawn over this")
        seat.see(r"\nnothing is drawn over this\nat-home%$")
        seat.type("fg")
        seat.see(VIEW)
        assert "\nnothing is drawn over this\n" in seat.screen()
        working.go.touch()
        seat.see(r"report\.md\nat-home%$")


def test_a_question_has_the_end_of_the_screen_until_it_is_answered(tmp_path: Path) -> None:
    several = asking(tmp_path, ("x", "z"))
    with pane(several.program) as seat:
        seat.dispatch("run", "r")
        seat.see(r"\n1a-x-dev-1>$")
        time.sleep(1.5)  # no picture comes
        assert seat.screen().endswith("\n1a-x-dev-1>")
        seat.type("continue")
        seat.see(r"waits for the implementer of 1b-z$")
        several.go.touch()
        seat.see(r"report\.md\nat-home%$")
    assert several.run.status is RunStatus.DONE


def test_ctrl_c_leaves_no_picture_behind(working: Asking) -> None:
    with pane(working.program) as seat:
        seat.dispatch("run", "r", "--grace", "0")
        seat.see(VIEW)
        seat.press("C-c")
        seat.see(r"Continue it: dispatch r\nat-home%$")
        assert "waits for" not in seat.history()


@pytest.mark.parametrize(
    ("variables", "options", "colours"),
    [
        ("TERM=$TERM", (), True),
        ("NO_COLOR=1", (), False),
        ("TERM=dumb", (), False),
        ("NO_COLOR=1", ("--color", "always"), True),
    ],
)
def test_colours_are_the_users_choice(
    working: Asking, variables: str, options: tuple[str, ...], colours: bool
) -> None:
    working.go.touch()
    with pane(working.program) as seat:
        seat.type(f"export {variables}; clear")
        seat.dispatch("run", "r", *options)
        seat.see(r"report\.md\nat-home%$")
        assert ("\x1b[36m[run]" in seat.screen(colours=True)) is colours
        assert "\n[run] gating-plan → executing\n" in seat.screen()


def test_attach_shows_the_same_asks_the_same_and_ends_with_the_run(tmp_path: Path) -> None:
    """Ctrl-C ends the watching, not the run."""
    several = asking(tmp_path, ("x", "z"))
    with pane(several.program) as seat:
        seat.dispatch("run", "r", "--detach")
        seat.see(r"\nr\nat-home%$")
        _attach(seat)
        seat.see(r"\n1a-x-dev-1>$")
        seat.press("C-c")
        seat.see(r"Run r goes on\. Watch it again: dispatch attach r\nat-home%$")
        assert several.open() == ["1a-x-dev-1"]
        _attach(seat)
        seat.see(r"\n1a-x-dev-1>$")
        seat.type("continue as it is")
        seat.see(AGENT.replace("1a-z", "1b-z") + r"waits for the implementer of 1b-z$")
        several.go.touch()
        seat.see(r"No process works on run r: done\n(  .*\n)+at-home%$")
        assert "\n[run] consolidating → done: " in seat.screen()
    answer = several.question("1a-x-dev-1").answer
    assert answer is not None
    assert (answer.verb, answer.note) == ("continue", "as it is")


def _attach(seat: Pane) -> None:
    seat.type("clear")
    seat.dispatch("attach", "r")
