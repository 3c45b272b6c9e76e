"""What of the operator's must not get into a commit."""

import pytest

from dispatch.policy.leaks import leak_problems
from dispatch.state.redact import Redactor

SECRET = "swordfish-9000"
REDACTOR = Redactor((SECRET,))
MARK = REDACTOR.mark(SECRET)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, b"a word\n"),
        (b"a word\n", None),
        (f"key = {SECRET}\n".encode(), f"moved\nkey = {SECRET}\n".encode()),
        (f"key = {SECRET}\n".encode(), b"key = os.environ['KEY']\n"),
        (f"see {MARK}\n".encode(), f"do see {MARK}\n".encode()),
        (None, b"\xff\xfe\x00"),
    ],
    ids=["new", "deleted", "moved", "taken out", "a mark stays", "no text"],
)
def test_what_was_there_may_stay_and_move(before: bytes | None, after: bytes | None) -> None:
    assert leak_problems("a.py", before, after, REDACTOR) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"key = {SECRET}\n".encode()),
        (f"key = {SECRET}\n".encode(), f"{SECRET} {SECRET}".encode()),
        (None, b"\xff" + SECRET.encode() + b"\x00"),
    ],
    ids=["a new file", "once more", "in no text"],
)
def test_a_secret_of_the_operators_is_not_brought_in(before: bytes | None, after: bytes) -> None:
    """Nor shown to the one who did."""
    (problem,) = leak_problems("a.py", before, after, REDACTOR)
    assert problem == (
        "a.py holds a secret of the operator's that it did not hold before; take it out, and read "
        "it from the environment at run time where it is needed."
    )


def test_a_mark_is_no_content() -> None:
    (problem,) = leak_problems("a.py", None, f"key = {MARK}".encode(), REDACTOR)
    assert problem == (
        f"a.py holds {MARK}, which only stands for a secret where it is shown to you; write what "
        "belongs there."
    )
