"""The lines people see."""

from dispatch.agents.model import Delta, ModelError, ModelErrorKind
from dispatch.agents.trace import Trace, call_arguments, one_line
from dispatch.state.redact import Redactor


def _trace(*, verbose: bool = False, secret: str = "") -> tuple[Trace, list[str]]:
    lines: list[str] = []
    return Trace(lines.append, verbose=verbose, redactor=Redactor((secret,))), lines


def test_a_call_is_one_line_with_every_kind_of_value() -> None:
    """[TR-02]"""
    trace, lines = _trace()
    trace.tool(
        "grep",
        {
            "pattern": 'a "b"\n  c',
            "max_results": 3,
            "whole": True,
            "path": None,
            "none": [],
            "few": [1, "x"],
            "many": ["a", "b", "c", "d"],
            "deep": {"k": [1]},
        },
    )
    trace.tool("", {})
    trace.tool("broken", None)
    assert lines == [
        '→ grep(pattern="a "b" c", max_results=3, whole=true, path=null, none=[], few=[1, "x"], '
        'many=["a", …+3], deep={"k": [1]})',
        "→ ?()",
        "→ broken(?)",
    ]


def test_values_objects_and_the_whole_are_capped() -> None:
    """[TR-02]"""
    assert call_arguments({"a": "x" * 500}) == f'a="{"x" * 79}…"'
    shown = call_arguments({"a": {"k": "y" * 500}})
    assert (len(shown), shown[-1]) == (len("a=") + 60, "…")
    assert call_arguments({"a": {"k": object()}}) == "a={…}"
    whole = call_arguments({f"k{n}": "z" * 60 for n in range(9)})
    assert (len(whole), whole[-1]) == (200, "…")


def test_compact_shows_the_beginning_of_a_turn_when_it_is_over() -> None:
    """[TR-03]"""
    trace, lines = _trace()
    trace.delta(Delta(kind="thinking", text="I  th"))
    trace.delta(Delta(kind="text", text="w" * 300))
    trace.delta(Delta(kind="thinking", text="ink\n"))
    assert lines == []
    trace.turn_ended()
    trace.turn_ended()
    assert lines == ["thinking: I think", f"text: {'w' * 239}…"]


def test_verbose_shows_each_line_as_it_is_completed_and_the_rest_at_the_end() -> None:
    """[TR-04]"""
    trace, lines = _trace(verbose=True)
    trace.delta(Delta(kind="thinking", text="one  \n\ntw"))
    trace.delta(Delta(kind="text", text="t" * 700 + "\n" + "u" * 700))
    assert lines == ["🧠 one", f"💬 {'t' * 700}"]
    trace.turn_ended()
    assert lines[2:] == ["🧠 tw", f"💬 {'u' * 599}…"]


def test_an_error_is_one_line_of_json_with_at_most_300_characters() -> None:
    """[TR-01] [TR-05]"""
    trace, lines = _trace()
    trace.error(ModelError(ModelErrorKind.QUOTA, "spent"))
    trace.error(ModelError(ModelErrorKind.REFUSED, "e" * 500))
    assert lines[0] == 'ERROR: {"kind": "quota", "message": "spent"}'
    assert (len(lines[1]), lines[1][-1]) == (len("ERROR: ") + 300, "…")


def test_secrets_are_taken_out_before_anything_is_cut() -> None:
    """[TR-06]"""
    secret = "q" * 70 + "-my-very-own-secret"
    trace, lines = _trace(secret=secret)
    trace.tool("run_shell", {"command": f"echo {secret}", "env": [f"K={secret}"]})
    trace.delta(Delta(kind="text", text=f"the key is {secret[:40]}"))
    trace.delta(Delta(kind="text", text=secret[40:]))
    trace.error(ModelError(ModelErrorKind.AUTH, f"bad key {secret}"))
    trace.turn_ended()
    assert "qqq" not in "".join(lines)
    assert len(lines) == 3


def test_nothing_that_moves_a_terminal_gets_through() -> None:
    trace, lines = _trace(verbose=True)
    trace.delta(Delta(kind="text", text="\x1b]0;title\x07red\x1b[31m\u202e\n"))
    assert lines == ["💬 red"]
    assert one_line("a\x1b[2Jb", 10) == "ab"
