"""What changes from run to run is taken out, and nothing else."""

import pytest

from dispatch.policy.normalise import normalise, placeholder

ROOTS = {"/w/run": "<WORKTREE>"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("\x1b[1;31mred\x1b[0m", "red", id="NO-01"),
        pytest.param("\x1b[2K\x1b[1Gx\x1b[?25l", "x", id="NO-02"),
        pytest.param("at 2026-01-02T03:04:05Z.", "at <TIMESTAMP>.", id="NO-03 zone"),
        pytest.param("2026-01-02 03:04:05.123 x", "<TIMESTAMP> x", id="NO-03 fraction"),
        pytest.param("2026-01-02T03:04:05+02:00", "<TIMESTAMP>", id="NO-03 offset"),
        pytest.param("[03:04:05] [03:04:05.6]", "[<TIMESTAMP>] [<TIMESTAMP>]", id="NO-04"),
        pytest.param("03:04:05.678 x", "<TIMESTAMP> x", id="bare clock"),
        pytest.param("id 1700000000000 x", "id <TIMESTAMP> x", id="milliseconds"),
        pytest.param("/w/run/a.py:1", "<WORKTREE>/a.py:1", id="NO-05"),
        pytest.param("-I/w/run/inc in '/w/run'.", "-I<WORKTREE>/inc in '<WORKTREE>'.", id="root"),
        pytest.param("Time: 123ms", "Time: <TIME>", id="NO-07 ms"),
        pytest.param("Time: 1.234s", "Time: <TIME>", id="NO-07 s"),
        pytest.param("time=7m", "Time: <TIME>", id="NO-07 m"),
        pytest.param("a (12ms) b (3.4s)", "a (<TIME>) b (<TIME>)", id="NO-08"),
        pytest.param("took 3 s", "elapsed <TIME>", id="NO-09 took"),
        pytest.param("Elapsed: 1m 3s", "elapsed <TIME>", id="NO-09 elapsed"),
        pytest.param("finished in 0.5s", "elapsed <TIME>", id="NO-09 finished"),
        pytest.param("3 passed in 0.12s", "3 passed in <TIME>", id="pytest"),
        pytest.param("ok  \tpkg\t0.003s", "ok  \tpkg\t<TIME>", id="go"),
        pytest.param("x (re-run #3) (retry 2)", "x (<RUN>) (<RUN>)", id="NO-10"),
        pytest.param("test #3, run #12", "<RUN>, <RUN>", id="runs"),
        pytest.param("at 0x7f00dead99 pid=12 pid: 9", "at <ADDR> pid=<PID> pid=<PID>", id="NO-11"),
        pytest.param("/private/var/folders/x/y/T/z a", "<TMP> a", id="NO-12"),
        pytest.param("in '/tmp/pytest-1/a b", "in '<TMP> b", id="NO-13"),
        pytest.param("a \t\nb  \n", "a\nb\n", id="NO-15"),
    ],
)  # fmt: skip
def test_each_rule_by_an_example(text: str, expected: str) -> None:
    """[NO-01] [NO-02] [NO-03] [NO-04] [NO-05] [NO-07] [NO-08] [NO-09] [NO-10] [NO-11] [NO-12]
    [NO-13] [NO-15]"""
    assert normalise(text, ROOTS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a.py:12: error: 3 != 4",
        "build/tmp/x",
        "/w/run-2/a and /w/running and /w/run.bak",
        "0x12 1234567890123456 12:34",
        "in 5 files",
        "version 1.2.3",
        "  indented",
    ],
)
def test_real_differences_are_kept(text: str) -> None:
    """[NO-17]"""
    assert normalise(text, ROOTS) == text


def test_a_root_may_end_in_a_slash_and_the_longest_root_wins() -> None:
    """[NO-06]"""
    roots = {"/w/": "<REPO>", "/w/run/": "<WORKTREE>", "/": "<NO>", "": "<NO>"}
    assert normalise("/w/run/a /w/b /c", roots) == "<WORKTREE>/a <REPO>/b /c"


def test_another_folder_is_named_by_its_last_part() -> None:
    """[NO-14]"""
    roots = {"/home/x/cache/": placeholder("/home/x/cache/")}
    assert normalise("/home/x/cache/y", roots) == "<CACHE>/y"


def test_coloured_and_timed_variants_are_equal() -> None:
    """[NO-16]"""
    one = "\x1b[32mok\x1b[0m 2026-01-01T00:00:00Z took 3ms  \n/w/run/a (0x7fffaa01)"
    other = "ok 2027-12-31T23:59:59.9Z took 1.5s\n/w/run/a (0x11223344)"
    assert normalise(one, ROOTS) == normalise(other, ROOTS)


def test_two_roots_are_equal_when_both_are_known_and_only_then() -> None:
    """[NO-18] [W-06] The baseline's tree and the final one are different folders."""
    baseline, final = "cd /w/base && make", "cd /w/final && make"
    both = {"/w/base": "<WORKTREE>", "/w/final": "<WORKTREE>"}
    assert normalise(baseline, both) == normalise(final, both)
    one = {"/w/base": "<WORKTREE>"}
    assert normalise(baseline, one) != normalise(final, one)


def test_eight_megabytes_of_bad_will_take_linear_time() -> None:
    """Anything quadratic would take hours; nobody needs a clock to see that."""
    part = 1024 * 1024
    shapes = (" ", "took ", "1", "(", "\x1b[", "/w/ru", "2026-01-02T03:04:05. ", "Time:        ")
    text = "x".join(shape * (part // len(shape)) for shape in shapes)
    assert len(text) > 7 * part
    result = normalise(text, {"/w/run": "<W>", "/w/r": "<R>"})
    assert result.count("<TIMESTAMP>") == part // 21
