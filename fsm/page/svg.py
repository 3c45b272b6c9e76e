"""Pictures as SVG text: small, escaped, coloured by classes of the page's style sheet."""

from html import escape
from typing import Final

from ...state.clean_text import clean

LETTER: Final = 7.3  # width of a letter of 12 pixels in the pictures' font


def tag(name: str, /, *children: str, **attributes: object) -> str:
    """An element; ``class_`` is class, ``stroke_width`` is stroke-width; values are escaped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
    )
    inside = "".join(children)
    return f"<{name}{written}>{inside}</{name}>" if inside else f"<{name}{written}/>"


def words(x: float, y: float, text: str, **attributes: object) -> str:
    """A line of text at its baseline."""
    return tag("text", escape(_line(text)), x=x, y=y, **attributes)


def tooltip(text: str, *children: str, **attributes: object) -> str:
    """A group that says more when it is pointed at."""
    return tag("g", tag("title", escape(_line(text))), *children, **attributes)


def fitting(text: str, width: float) -> str:
    """As much of a text as fits into so many pixels, with a mark where it is cut."""
    room = max(1, int(width / LETTER))
    line = _line(text)
    return line if len(line) <= room else f"{line[: room - 1]}…"


def picture(width: float, height: float, label: str, *children: str) -> str:
    """A whole picture; ``label`` is read to who does not see it."""
    return tag(
        "svg",
        *children,
        width=round(width),
        height=round(height),
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=label,
    )


def _attribute(value: object) -> str:
    return escape(f"{value:g}" if isinstance(value, float) else clean(str(value)), quote=True)


def _line(text: str) -> str:
    return " ".join(clean(text).split())
