"""Whether colours are used: the command line, then the user's variables, then the terminal."""

from collections.abc import Mapping
from enum import StrEnum

from .picture import DUMB
from .streams import Stream


class Colour(StrEnum):
    """What the command line says of colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def is_coloured(choice: Colour, stream: Stream, environ: Mapping[str, str]) -> bool:
    """Whether what is written to ``stream`` has colours.

    ``auto`` goes by NO_COLOR, then FORCE_COLOR (where they are not empty, as is usual), then by
    whether the stream is a terminal that TERM calls able to.
    """
    if choice is not Colour.AUTO:
        return choice is Colour.ALWAYS
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return environ["FORCE_COLOR"] != "0"
    return stream.isatty() and environ.get("TERM", "") not in DUMB
