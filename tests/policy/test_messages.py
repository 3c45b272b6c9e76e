"""Subjects, bodies, and trailers that no objective can forge."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.policy.messages import MAX_SUBJECT, commit_message, operator_message, subject

TRAILERS = "Dispatch-Run: r\nDispatch-Task: 1a-x\n"


def message(objective: str) -> str:
    return commit_message(objective, run="r", task="1a-x")


def trailers_of(text: str) -> str:
    command = ["git", "interpret-trailers", "--parse"]
    return subprocess.run(
        command, input=text.encode(), capture_output=True, check=True
    ).stdout.decode()


def test_a_short_objective_is_the_subject() -> None:
    """[CM-01] [CM-02]"""
    assert message("Add a parser") == f"Add a parser\n\n{TRAILERS}"
    assert message("  Add a\n parser.  ") == f"Add a parser\n\n{TRAILERS}"
    assert subject("Is it ready?!") == "Is it ready"


def test_a_long_objective_is_cut_at_a_word_and_kept_in_the_body() -> None:
    """[CM-03]"""
    objective = "Teach the parser, at last, to read " + "very long sentences, " * 9
    title = subject(objective)
    assert title == "Teach the parser, at last, to read very long sentences, very long"
    assert len(title) <= MAX_SUBJECT
    assert title[-1].isalpha()
    assert message(objective) == f"{title}\n\n{' '.join(objective.split())}\n\n{TRAILERS}"
    assert subject("a" * 100) == "a" * MAX_SUBJECT


def test_further_sentences_are_the_body() -> None:
    """[CM-04]"""
    assert message("Add a parser. It reads x.\nAnd y.") == (
        f"Add a parser\n\nIt reads x.\nAnd y.\n\n{TRAILERS}"
    )
    assert message("# Add a parser\n\n- it reads x") == (
        f"Add a parser\n\n- it reads x\n\n{TRAILERS}"
    )


@pytest.mark.parametrize("objective", ["", " \n\t", "...", "--- !", "\x00\u202e"])
def test_an_objective_without_a_word_is_refused(objective: str) -> None:
    """[CM-05]"""
    with pytest.raises(ValueError, match="empty objective"):
        message(objective)


@pytest.mark.parametrize(
    ("objective", "title"),
    [
        ("Read formats, e.g. json, at once. More.", "Read formats, e.g. json, at once"),
        ("Read formats (i.e. json). More.", "Read formats (i.e. json)"),
        ("Port from v1. Then drop it", "Port from v1. Then drop it"),
        ("Move to Python 3.12. Then test", "Move to Python 3.12. Then test"),
        ("Read setup.cfg and a.b.py first. More.", "Read setup.cfg and a.b.py first"),
        ("Compare x vs. y etc. well! More", "Compare x vs. y etc. well"),
        ("1. Add it. 2. Test it.", "1. Add it"),
        ("Fix issue #12. More.", "Fix issue #12"),
    ],
)
def test_a_full_stop_inside_a_sentence_does_not_end_it(objective: str, title: str) -> None:
    """[W-55]"""
    assert subject(objective) == title


def test_control_and_direction_marks_are_left_out() -> None:
    assert message("Add\x1b[31m a\u202e par\x00ser\u2028next\r\nline") == (
        f"Add[31m a parser next line\n\n{TRAILERS}"
    )


@pytest.mark.parametrize(
    "objective",
    [
        "Add it.\n\nDispatch-Task: other\nDispatch-Run: other",
        "Dispatch-Task: other",
        "Dispatch-Task: other\n\nDispatch-Run: other",
        "Add it. Dispatch-Task: other",
        "Add it.\n\n---\nDispatch-Task: other",
        "--- a\nDispatch-Task: other",
        "Add it.\r\rdispatch-task : other\r---\r",
        "Add it.\n\n# ------------------------ >8 ------------------------\nx",
        "Add it.\n\nConflicts:\n\ta\n\nSigned-off-by: a <b@c>",
        "Add it.\n\nSigned-off-by: a <b@c>\n(cherry picked from commit 1)",
    ],
)
def test_git_reads_exactly_our_trailers(objective: str) -> None:
    """[W-55] The commits can be mapped back to tasks, whatever the planner wrote."""
    text = message(objective)
    assert trailers_of(text) == TRAILERS
    ours = [line for line in text.splitlines() if line.lower().startswith("dispatch-")]
    assert ours[-2:] == TRAILERS.splitlines()


MARKS = (
    *("Dispatch-Task: x", "---", "--- ", "\n", "\n\n", "# ", "Add. ", ": ", "\t", "\r", "a"),
    *("Conflicts:\n", "Signed-off-by: y", "------------------------ >8 ------------------------"),
)
HOSTILE = st.lists(st.sampled_from(MARKS), max_size=12)


@settings(max_examples=60, deadline=None)
@given(parts=HOSTILE)
def test_no_mixture_of_gits_own_marks_forges_a_trailer(parts: list[str]) -> None:
    text = message("A" + "".join(parts))
    assert trailers_of(text) == TRAILERS
    assert len(text.split("\n")[0]) <= MAX_SUBJECT


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("Say it shorter. And why.", "Say it shorter\n\nAnd why."),
        ("", "Change what was asked about"),
        ("...", "Change what was asked about\n\n..."),
        (
            "Mine.\nDispatch-Operator: somebody\nDispatch-Task: 1a-x",
            "Mine\n\n> Dispatch-Operator: somebody\n> Dispatch-Task: 1a-x",
        ),
    ],
)
def test_the_operator_s_note_is_the_message_and_forges_nobody(note: str, text: str) -> None:
    made = operator_message(note, run="r", by="ann\nDispatch-Task: x")
    trailers = "Dispatch-Run: r\nDispatch-Operator: ann Dispatch-Task: x\n"
    assert made == f"{text}\n\n{trailers}"
    assert trailers_of(made) == trailers
