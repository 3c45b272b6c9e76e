"""Nothing that is printed, or written for people, holds what a terminal acts on or hides."""

import io
import re
from pathlib import Path

from attrs import evolve
from fakes.told_run import told_run
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.agents.model import Delta, ModelError, ModelErrorKind
from dispatch.agents.trace import Trace
from dispatch.commands.json_output import json_text
from dispatch.commands.logs import shown as shown_event
from dispatch.commands.status import as_data, details
from dispatch.fsm.attribution_file import render_attribution
from dispatch.fsm.report import render_report
from dispatch.fsm.task_files import write_task_files
from dispatch.state.enums import FailureKind, RunStatus
from dispatch.state.escalation_file import question_path
from dispatch.state.event_log import EVENTS
from dispatch.state.journal import EventJournal
from dispatch.state.judgements import Escalation
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.records import Failure, Run
from dispatch.state.redact import shown

HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
NOW = "2026-01-01T00:00:00.000Z"
TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            (
                "\x1b[2J", "\x1b]0;owned\x07", "\x1b]8;;http://x\x1b\\", "\x9b31m", "\r", "\x08",
                "\x7f", "\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\ufeff", "\U000e0041",
                "\ud800", "](x)", "\n# x\n", "<b>", "```\n", "word",
            )
        ),
        st.characters(),
    ),
    min_size=1,
    max_size=8,
).map("".join)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_the_trace_and_the_events_hold_nothing_hostile(text: str) -> None:
    stream = io.StringIO()
    # Below a folder that is not there: no event is kept, and that is said.
    journal = EventJournal(Path(f"/nowhere/{NOW}"), stream=stream, now=lambda: NOW)
    for verbose in (False, True):
        trace = Trace(lambda line: journal.line(text, line), verbose=verbose)
        trace.tool(text, {text: text, "deep": {text: [text]}})
        trace.delta(Delta(kind="text", text=text))
        trace.turn_ended()
        trace.refused(text)
        trace.note(text)
        trace.error(ModelError(ModelErrorKind.REFUSED, text))
    _assert_harmless(stream.getvalue())
    _assert_harmless(shown(text))


@settings(max_examples=60, deadline=None)
@given(TEXT)
def test_what_verbs_print_of_a_run_holds_nothing_hostile(text: str) -> None:
    """Each line is one line, and JSON has nothing but ASCII."""
    run = _told(text.encode("utf-8", "replace").decode())
    event = {"seq": 1, "ts": text, "type": text, text: text, "list": [text], "deep": {text: text}}
    for line in (*details(run, None), shown_event(event)):
        _assert_harmless(line)
        assert "\n" not in line
    for data in (as_data(run, text), event):
        printed = json_text(**{str(key): value for key, value in data.items()})
        _assert_harmless(printed)
        assert printed.isascii()


@settings(max_examples=30, deadline=None)
@given(TEXT)
def test_files_for_people_hold_nothing_hostile(text: str) -> None:
    run = _told(text.encode("utf-8", "replace").decode())
    _assert_harmless(render_report(run, gate_diff=text, now=NOW))
    _assert_harmless(render_attribution(run))


def test_questions_plans_and_events_hold_nothing_hostile(tmp_path: Path) -> None:
    text = "\x1b]0;owned\x07\x1b[2J\u202e\u200b\u2028\x9b31m\rword\x7f\ufeff"
    stream = io.StringIO()
    channel = OperatorChannel(tmp_path, stream=stream, now=lambda: NOW, wait=False)
    question = Escalation(
        id="q1",
        state=RunStatus.EXECUTING,
        task_id=None,
        question=text,
        reason=text,
        details={text: [text]},
        allowed=("continue", "abort"),
        consequences={"abort": text},
        created_at=NOW,
    )
    channel.announce(question)
    channel.notice(text)
    journal = EventJournal(tmp_path, stream=stream, now=lambda: NOW)
    journal.event("model.said", text=text, inner={text: text})
    journal.close()
    write_task_files(tmp_path, evolve(told_run().tasks[0], plan_markdown=text))
    _assert_harmless(stream.getvalue())
    _assert_harmless(question_path(tmp_path, "q1").read_text())
    _assert_harmless((tmp_path / EVENTS).read_text())
    for path in (tmp_path / "tasks").rglob("*"):
        if path.is_file():
            _assert_harmless(path.read_text())


def _told(text: str) -> Run:
    run = told_run()
    failure = Failure(state="executing", kind=FailureKind.GIT, message=text, at=NOW)
    first = evolve(
        run.tasks[0],
        objective=text,
        plan_markdown=text,
        verify_commands=(text,),
        rescue_ref=text,
        failure=failure,
        attempts=tuple(evolve(each, model=text, message=text) for each in run.tasks[0].attempts),
    )
    return evolve(
        run,
        failure=failure,
        paused=text,
        integration_branch=text,
        base_branch=text,
        spec_path=text,
        build_gate=(text,),
        verification_mode_rationale=text,
        tasks=(first, *run.tasks[1:]),
    )


def _assert_harmless(text: str) -> None:
    found = HOSTILE.search(text)
    assert found is None, (found, text)
