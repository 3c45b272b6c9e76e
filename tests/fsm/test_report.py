"""The report tells everything that happened, and nothing in it is markup but our own."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.small_records import a_run, a_task
from fakes.told_run import ENDED, told_run

from dispatch.fsm.next_steps import REMEDIES, next_steps
from dispatch.fsm.report import render_report
from dispatch.fsm.report_words import duration
from dispatch.state.enums import FailureKind, RunStatus, TaskStatus
from dispatch.state.errors import DocumentError
from dispatch.state.records import Run

GOLDEN = Path(__file__).with_name("told_report.md")
HOSTILE = "\x1b[31m```\n# Done\n[x](http://evil) <script> | ![i](u) \u202eabc"


def test_a_run_in_which_everything_happened_is_told_whole() -> None:
    """[RP-01] [RP-02] The golden file is what a reader gets."""
    told = render_report(told_run(), gate_diff="-ok\n+FAILED a.py\n", now=ENDED)
    assert told == GOLDEN.read_text(encoding="utf-8")


def test_a_run_that_has_just_begun_has_every_section_and_says_what_is_not_there() -> None:
    """[RP-01]"""
    text = render_report(a_run(), gate_diff="", now="2026-01-02T03:04:05.678Z")
    assert _sections(text) == {
        "What to do next": ["- Continue it: dispatch r"],
        "Tasks": ["(no tasks materialized)"],
        "Rounds": ["- Amendment rounds: 0", "- Verification fix rounds: 0", "- Gate verdicts: 0"],
        "Commits": ["(no commits landed)"],
        "Receipts": ["(no level passed)"],
        "Verification": ["Mode: baseline-equality", "No verification round ran."],
        "Plan": ["Levels: 0"],
        "Deviations": ["(none declared)"],
        "Findings": ["(none)"],
        "Escalations": ["(none)"],
        "Evidence": ["(no submissions)"],
        "Attempts": ["(no agents were started)"],
        "Tokens and cost": ["(nothing was used)"],
        "Provenance": [
            "- Base commit: `1111111111111111111111111111111111111111` (no branch)",
            "- Published: nothing yet",
            "- Author of commits: A `a@example.org`",
            "- Isolation: task",
            "- Sandbox: none because the operator said --no-sandbox; network: none; 1024 "
            "processes, 16 GiB of memory and 14400 s of computing a process, 8 GiB a file; "
            "visible besides the system: nothing",
            "- Document version: 1.0",
        ],
        "Where things are": [
            "- this report as a page with pictures: `/repository/dispatch/r/report.html`",
            "- worktrees: `/repository/dispatch/r/worktrees/`",
            "- attempts (seed, transcript, result of each agent): "
            "`/repository/dispatch/r/attempts/`",
            "- output of each command: `/repository/dispatch/r/builds/`",
            "- each accepted hunk and what became of it: `/repository/dispatch/r/receipts/`",
            "- document: `/repository/dispatch/r/run-state.yaml`",
            "- events: `/repository/dispatch/r/events.jsonl`",
        ],
    }


def test_a_done_run_says_how_to_look_at_it_and_how_to_take_it() -> None:
    assert next_steps(evolve(a_run(), status=RunStatus.DONE)) == (
        "Look at the result: git log --stat 111111111111..dispatch/r",
        "Take it over: git merge dispatch/r",
        "Then remove the worktrees: dispatch teardown r",
    )
    torn_down = next_steps(evolve(a_run(), status=RunStatus.DONE), worktrees=False)
    assert torn_down[-1] == "Then remove the run and its report: dispatch clean r"


def test_every_kind_of_failure_comes_with_what_to_do() -> None:
    """[RP-02]"""
    assert set(REMEDIES) == set(FailureKind)


def test_a_run_that_a_process_is_working_on_is_not_to_be_continued() -> None:
    assert next_steps(a_run(), live=True) == ("Nothing else: a process is working on it.",)


@pytest.mark.parametrize(
    ("ended", "text"),
    [
        ("2026-01-02T03:04:05Z", "0s"),
        ("2026-01-02T03:04:10Z", "5s"),
        ("2026-01-02T03:06:05Z", "2m0s"),
        ("2026-01-02T04:04:10Z", "1h0m5s"),
        ("2026-01-04T03:04:05Z", "48h0m0s"),
        ("2026-01-01T00:00:00Z", "0s"),
    ],
)
def test_a_duration_leaves_out_leading_zeros_and_is_never_negative(ended: str, text: str) -> None:
    """[RP-01]"""
    assert duration("2026-01-02T03:04:05Z", ended) == text


@pytest.mark.parametrize("bad", ["yesterday", "", "2026-01-02T03:04:05"])
def test_a_start_that_is_no_time_is_refused_in_a_sentence(bad: str) -> None:
    """[RP-01]"""
    with pytest.raises(DocumentError) as refusal:
        render_report(evolve(a_run(), created_at=bad), gate_diff="", now=ENDED)
    assert str(refusal.value) == (
        f"createdAt is {bad!r}, which is no time. It should look like 2026-11-21T09:30:00.000Z"
    )


def test_hostile_text_stays_text() -> None:
    run = evolve(
        a_run(),
        tasks=(evolve(a_task(), status=TaskStatus.RUNNING, objective=HOSTILE),),
        verification_mode_rationale=HOSTILE,
    )
    assert _sections(render_report(run, gate_diff="", now=ENDED))["Tasks"] == [
        "- `1a-x` [L1] running (no commit)",
        r"  - \`\`\` \# Done \[x\](http://evil) \<script\> \| \!\[i\](u) abc",
    ]


def test_output_of_commands_cannot_leave_its_block() -> None:
    text = render_report(_verified(), gate_diff="+````\n+# Done\x07\n", now=ENDED)
    assert text.partition("`````diff\n")[2].partition("\n`````\n")[0] == "+````\n+# Done"


def _verified() -> Run:
    return evolve(a_run(), verification_rounds=told_run().verification_rounds)


def _sections(text: str) -> dict[str, list[str]]:
    parts = (part.split("\n") for part in text.split("\n## ")[1:])
    return {title: [line for line in lines if line] for title, *lines in parts}
