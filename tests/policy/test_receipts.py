"""The fate of each accepted hunk: there, replaced for a reason, escalated, or lost."""

from dispatch.policy.hunks import beyond
from dispatch.policy.patches import Hunk
from dispatch.policy.receipts import (
    UNION,
    Cause,
    Commit,
    Line,
    Outcome,
    Share,
    counted,
    outcome,
    receipt_lines,
)
from dispatch.state.enums import ChangeKind, HunkFate
from dispatch.state.hubs import Replaced, WorkReceipt

PRESENT, SUPERSEDED, ESCALATED = HunkFate


def hunk(path: str, removed: str = "", added: str = "", fact: str = "") -> Hunk:
    """A hunk whose lines are single letters."""
    return Hunk(path, None, ChangeKind.MODIFIED, tuple(removed), tuple(added), fact)


def fates(share: Share) -> list[tuple[HunkFate | None, str]]:
    return [(line.fate, line.by) for line in receipt_lines([share])]


def share(*accepted: Hunk, present: tuple[Hunk, ...] = (), **changes: object) -> Share:
    settings = {"task_id": "t", "outcomes": (Outcome(present=present),), **changes}
    return Share(accepted=accepted, **settings)  # type: ignore[arg-type]  # a test's shorthand


def test_what_is_committed_is_present_and_needs_no_cause() -> None:
    cause = Cause(by="x", why="", paths=None)
    kept = hunk("a", "o", "n")
    assert fates(share(kept, present=(kept,), causes=(cause,))) == [(PRESENT, "")]


def test_a_hunk_that_nothing_replaced_is_lost() -> None:
    """[W-09] Never passed over: whoever asks stops the run."""
    other = Cause(by="x", why="", patch=(hunk("a", "q", "r"),), paths=frozenset({"b"}))
    assert fates(share(hunk("a", "o", "n"), causes=(other,))) == [(None, "")]


def test_what_changed_the_very_lines_comes_before_what_holds_for_the_file() -> None:
    lines = Cause(by="repair", why="", patch=(hunk("a", "n", "m"),))
    file = Cause(by="rule", why="", paths=frozenset({"a"}))
    gone = share(hunk("a", "o", "n"), hunk("a", "", "k"), causes=(file, lines))
    assert fates(gone) == [(SUPERSEDED, "repair"), (SUPERSEDED, "rule")]


def test_bringing_removed_lines_back_and_removing_the_file_replace_too() -> None:
    back = Cause(by="back", why="", patch=(hunk("a", "", "o"),))
    assert fates(share(hunk("a", "o", ""), causes=(back,))) == [(SUPERSEDED, "back")]
    gone = Cause(by="gone", why="", patch=(hunk("a", fact="gone"),))
    assert fates(share(hunk("a", "", "n"), causes=(gone,))) == [(SUPERSEDED, "gone")]


def test_work_that_is_nowhere_is_accounted_for_by_what_was_decided() -> None:
    aside = Cause(by="question", why="set aside", fate=ESCALATED, paths=None)
    assert fates(share(hunk("a", "", "n"), outcomes=(), causes=(aside,))) == [
        (ESCALATED, "question")
    ]


def test_a_repair_may_have_stayed_at_either_tip() -> None:
    new = hunk("a", "", "n")
    outcomes = (Outcome(present=()), Outcome(present=(new,)))
    assert fates(share(new, outcomes=outcomes)) == [(PRESENT, "")]


def test_a_removed_line_may_stay_in_a_union_but_no_added_one_may_go() -> None:
    work = (hunk("a", "o", "n"), hunk("a", "", "m"))
    kept = share(*work, present=(hunk("a", "", "nm"),), united=("a",))
    assert fates(kept) == [(SUPERSEDED, UNION), (PRESENT, "")]
    lost = share(*work, present=(hunk("a", "", "n"),), united=("a",))
    assert fates(lost) == [(SUPERSEDED, UNION), (None, "")]


def test_what_a_later_commit_did_beyond_its_work_takes_earlier_work_back() -> None:
    """Only in the files where it was repaired, resolved, united or made anew."""
    mine, its = hunk("a", "", "n"), hunk("a", "", "m")
    first = Commit(place=0, patch=(mine,), accepted=(mine,))
    resolved = hunk("a", "n", "m")
    later = Commit(place=1, patch=(resolved,), accepted=(its,), changed=frozenset({"a"}))
    assert outcome(0, (mine,), [first, later]) == Outcome(
        present=(mine, resolved), undone=(hunk("a", "n", ""),)
    )
    unchanged = Commit(place=1, patch=(resolved,), accepted=(its,))
    assert outcome(0, (mine,), [first, unchanged]).undone == ()
    assert outcome(1, (its,), [first, later]).undone == ()
    cause = Cause(by="1b", why="", patch=(hunk("a", "n", ""),))
    replaced = share(mine, outcomes=(outcome(0, (mine,), [first, later]),), causes=(cause,))
    assert fates(replaced) == [(SUPERSEDED, "1b")]


def test_a_repair_that_was_appended_takes_back_what_it_removes() -> None:
    mine = hunk("a", "", "n")
    commits = [
        Commit(place=0, patch=(mine,), accepted=(mine,)),
        Commit(place=None, patch=(hunk("a", "n", "m"),)),
        Commit(place=None, patch=(hunk("b", "n", "m"),)),
    ]
    found = outcome(0, (mine,), commits)
    assert found == Outcome(present=(mine, hunk("a", "n", "m")), undone=(hunk("a", "n", "m"),))
    cause = Cause(by="repair", why="", patch=(hunk("a", "n", "m"),))
    assert fates(share(mine, outcomes=(found,), causes=(cause,))) == [(SUPERSEDED, "repair")]


def test_beyond_counts_lines_and_takes_moves_for_nothing() -> None:
    done = (hunk("a", "xyz", "x"), hunk("b", fact="exists"), hunk("b", "", "k"))
    assert beyond(done, (hunk("a", "y", ""), hunk("b", fact="exists"))) == (
        hunk("a", "z", ""),
        hunk("b", "", "k"),
    )
    assert beyond(done, done) == ()


def test_a_receipt_counts_what_is_present_and_names_the_rest() -> None:
    lines = [
        Line(task_id="t", work="", hunk=hunk("a", "", "n"), fate=PRESENT),
        *(
            Line(task_id="t", work="", hunk=hunk("b", "", each), fate=SUPERSEDED, by="x", why="y")
            for each in "mn"
        ),
        Line(task_id="t", work="critique, round 1", hunk=hunk("b"), fate=PRESENT),
        Line(task_id="t", work="", hunk=hunk("c"), fate=None),
    ]
    gone = Replaced(path="b", hunks=2, fate=SUPERSEDED, by="x", why="y")
    assert counted(lines) == (
        WorkReceipt(task_id="t", present=1, replaced=(gone,)),
        WorkReceipt(task_id="t", work="critique, round 1", present=1),
    )
