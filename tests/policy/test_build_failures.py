"""Failures in real output, and what makes one a new one."""

import pytest

from dispatch.policy.failures import (
    MAX_FAILURES,
    MAX_LINE,
    new_failures,
    parse_failures,
)
from dispatch.state.work import BuildFailure


def ids(text: str) -> list[str]:
    return [failure.id for failure in parse_failures(text)]


def new(before: str, after: str) -> list[str]:
    found = new_failures(parse_failures(before), parse_failures(after))
    return [failure.message for failure in found]


def test_a_clean_log_has_no_failures() -> None:
    """[BL-01]"""
    assert parse_failures("compiling\nall good\n\n") == ()


def test_a_compilers_line_gives_file_line_and_message() -> None:
    """[BL-02]"""
    raw = "  src/a.ts:42:7 - error TS2322: Type 'x'.  "
    (failure,) = parse_failures(f"checking\n{raw}\r\ndone")
    assert failure == BuildFailure(
        id=failure.id, file="src/a.ts", line=42, message=raw.strip(), raw_text=raw
    )
    assert failure.id.startswith("bf-")
    assert len(failure.id) == len("bf-") + 12
    assert int(failure.id.removeprefix("bf-"), 16) >= 0


@pytest.mark.parametrize(
    "line",
    [
        "FAIL src/a.test.ts",
        "FAILED tests/test_a.py::test_b - assert 1",
        "error[E0308]: mismatched types",
        "2 errors generated.",
        "make: *** [all] Error 2",
        "not ok 3 - parses",
        "thread 'main' panicked at src/main.rs:4:5:",
        "panic: runtime error",
        "Traceback (most recent call last):",
        "ValueError: bad",
        "java.lang.IllegalStateException: no",
        "Segmentation fault (core dumped)",
        "sh: 1: foo: command not found",
        "\u2717 it works",
        "  3 failing",
        "Failures: 2",
        "# error in a heading",
        "$ error after a prompt",
    ],
)
def test_what_says_that_something_failed_is_a_failure(line: str) -> None:
    """[BL-03] [W-10] Lines that start like a header are output like any other."""
    assert len(parse_failures(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "0 failed",
        "0 errors",
        "12 passed, 0 failed",
        "test result: ok. 12 passed; 0 failed; 0 ignored",
        "Found 0 errors. Watching for file changes.",
        "Tests run: 4, Failures: 0, Errors: 0, Skipped: 0",
        "0 error(s), 0 warnings",
        "no errors found",
        "ok 1 - reports an error",
        "not ok 2 - later # TODO error",
        "test parse::error::works ... ok",
        "tests/test_error.py::test_error PASSED [ 50%]",
        "\u2713 shows the error",
        "PASS src/error.test.ts",
        "errorless terrors",
    ],
)
def test_what_says_that_all_is_well_is_none(line: str) -> None:
    """[BL-14] [W-10]"""
    assert parse_failures(line) == ()


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("\x1b[31msrc/b.ts\x1b[0m:\x1b[33m7\x1b[0m:1 \x1b[31merror\x1b[0m x", ("src/b.ts", 7)),
        ("src/c.ts(4,2): error TS1: x", ("src/c.ts", 4)),
        ('  File "a b/c.py", line 3, in error', ("a b/c.py", 3)),
        ("error at lib/x.rs:9", ("lib/x.rs", 9)),
        ("fatal error: out of memory", (None, None)),
        ("error at 12:30", (None, None)),
    ],
)
def test_the_place_of_a_failure(line: str, place: tuple[str | None, int | None]) -> None:
    """[BL-05] [BL-08]"""
    (failure,) = parse_failures(line)
    assert (failure.file, failure.line) == place
    assert "\x1b" not in failure.message
    assert failure.raw_text == line


def test_the_same_line_has_the_same_id_and_others_have_others() -> None:
    """[BL-06] [BL-07]"""
    one, two, three = ids("a.c:1: error: x\na.c:1: error: x\na.c:1: error: y")
    assert one == two != three
    assert len(set(ids("b.c:1: error: x\nFailures: 3\nErrors: 3\nrun: error 3"))) == 4


def test_a_failure_that_only_moved_is_not_new() -> None:
    """[BL-13] [W-10]"""
    assert new("a.c:10:5: error: x", "a.c:99:1: error: x") == []
    assert new("a.ts(1,2): error x", "a.ts(8,9): error x") == []
    assert new('File "a.py", line 3: error', 'File "a.py", line 33: error') == []
    assert new("not ok 3 - b", "not ok 4 - b") == []


def test_a_second_failure_of_the_same_kind_is_new() -> None:
    """[W-10] Failures are counted, not only told apart."""
    line = "a.c:10: error: x"
    assert new(line, f"{line}\na.c:20: error: x") == ["a.c:20: error: x"]
    assert new(f"{line}\n{line}", line) == []


def test_a_summary_is_worth_as_many_failures_as_it_counts() -> None:
    """[BL-14] [W-10] More tests that pass change nothing, one more that fails does."""
    assert new("2 failed, 3 passed in 1.2s", "2 failed, 9 passed in 0.3s") == []
    assert new("2 failed, 3 passed", "1 failed, 4 passed") == []
    assert new("2 failed, 3 passed", "3 failed, 2 passed") == ["3 failed, 2 passed"]
    assert new("Failures: 2", "Failures: 3") == ["Failures: 3"]


def test_tests_that_differ_by_a_number_are_different() -> None:
    assert new("FAILED test_1", "FAILED test_2") == ["FAILED test_2"]


def test_output_without_end_gives_a_bounded_answer() -> None:
    text = ("error " * 1000 + "\n") * (MAX_FAILURES + 5) + "error"
    failures = parse_failures(text)
    assert len(failures) == MAX_FAILURES
    assert {len(failure.raw_text) for failure in failures} == {MAX_LINE}
    assert len(parse_failures("a." * (4 * 1024 * 1024) + " error")) == 0
