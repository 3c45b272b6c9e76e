"""ax, against a stand-in of each generation: no live one was reached."""

import json
import subprocess
import sys
from pathlib import Path

import attrs
from fakes import ax, hand_off_server
from fakes.delegations import OTHER_SESSION, SESSION, delegation

from dispatch.agents.executors.ax import Ax
from dispatch.agents.executors.delegation import (
    Delegation,
    Ending,
    Event,
    Exit,
    HandOff,
    Prepared,
    Said,
    SessionBegan,
)
from dispatch.state.enums import AttemptOutcome

AX = Ax()
GOOD = {"summary": "wrote it"}


def started(words: tuple[str, ...], home: Path, **variables: str) -> tuple[Exit, str]:
    """How a process of the stand-in ended, and what it printed."""
    done = subprocess.run(
        [sys.executable, str(ax.__file__), *words[1:]],
        env={"HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    code = done.returncode
    ended = Exit(code=code if code >= 0 else None, signal=-code if code < 0 else None)
    return attrs.evolve(ended, stderr=done.stderr), done.stdout


def given(home: Path) -> Delegation:
    server = (sys.executable, str(hand_off_server.__file__), str(home / "answer"), "submitOutput")
    hand_off = HandOff(name="dispatch", argv=server, tools=("submitOutput",))
    return attrs.evolve(delegation(AX), home=home, hand_off=hand_off, model="m")


def attempt(prepared: Prepared, home: Path, **variables: str) -> tuple[tuple[Event, ...], Ending]:
    ended, printed = started(prepared.argv, home, **variables)
    events = tuple(event for line in printed.splitlines() for event in AX.parse(line))
    return events, AX.classify(ended, events, (home / "answer").exists())


def test_an_accepted_answer_counts_though_the_program_ends_with_1(tmp_path: Path) -> None:
    events, ending = attempt(AX.prepare(given(tmp_path)), tmp_path, AX_ANSWER=json.dumps(GOOD))
    assert ending == Ending(outcome=AttemptOutcome.OK)
    assert json.loads((tmp_path / "answer").read_text()) == GOOD
    assert events == (
        SessionBegan(session=""),
        Said(text="I worked in /work/tree with m."),
        SessionBegan(session=""),
    )


def test_a_turn_without_an_answer_is_no_success_and_no_crash(tmp_path: Path) -> None:
    _, ending = attempt(AX.prepare(given(tmp_path)), tmp_path)
    assert ending.outcome is AttemptOutcome.NO_OUTPUT
    _, refused = attempt(AX.prepare(given(tmp_path)), tmp_path, AX_ANSWER='{"summary": 1}')
    assert refused.outcome is AttemptOutcome.NO_OUTPUT


def test_a_killed_turn_goes_on_in_its_conversation(tmp_path: Path) -> None:
    _, killed = attempt(AX.prepare(given(tmp_path)), tmp_path, AX_DIES="1")
    assert killed.outcome is AttemptOutcome.CRASHED
    _, ending = attempt(AX.resume(given(tmp_path), SESSION), tmp_path, AX_ANSWER=json.dumps(GOOD))
    assert ending == Ending(outcome=AttemptOutcome.OK)


def test_a_conversation_that_never_was_is_told(tmp_path: Path) -> None:
    _, ending = attempt(AX.resume(given(tmp_path), OTHER_SESSION), tmp_path)
    assert ending.outcome is AttemptOutcome.CRASHED
    assert "no input messages queued" in ending.message


def test_the_older_generation_is_taken_and_the_newer_one_refused(tmp_path: Path) -> None:
    assert AX.unfit(*started(AX.probe, tmp_path)) == ""
    assert AX.unfit(*started(AX.probe, tmp_path, GENERATION="september")) == (
        "This `ax` runs tasks on a cluster and has no `ax exec`: dispatch works with the older "
        "runtime of that name only."
    )


def test_a_generation_without_what_is_needed_is_refused() -> None:
    """For a while some options had other names."""
    why = AX.unfit(Exit(code=0), "--conversation --prompt --server")
    assert why == "`ax exec` does not know --input, --resume."
