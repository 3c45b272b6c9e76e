"""Whether there are colours: --color, NO_COLOR, FORCE_COLOR, TERM, the terminal."""

import io

import pytest

from dispatch.state.colour import Colour, is_coloured


class AtTerminal(io.StringIO):
    """Text that somebody sees."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(
    ("choice", "at_terminal", "environ", "expected"),
    [
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", False, {"TERM": "xterm"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {}, False),
        ("auto", True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("auto", True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        ("auto", False, {"FORCE_COLOR": "1"}, True),
        ("auto", True, {"TERM": "xterm", "FORCE_COLOR": "0"}, False),
        ("auto", False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"TERM": "xterm", "FORCE_COLOR": "1"}, False),
    ],
)
def test_the_command_line_counts_first_then_variables_then_the_terminal(
    choice: str, at_terminal: bool, environ: dict[str, str], expected: bool
) -> None:
    stream = AtTerminal() if at_terminal else io.StringIO()
    assert is_coloured(Colour(choice), stream, environ) is expected
