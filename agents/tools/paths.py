"""The shape of a path a model gives: judged as text, before anything touches the disk."""

import unicodedata
from pathlib import Path
from typing import Final

from ...state.dot_git import is_like_dot_git

MAX_COMPONENT_BYTES: Final = 255
MAX_PATH_BYTES: Final = 3840  # PATH_MAX less room for the name of a temporary file
MAX_NAMES: Final = 128

_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Refused(Exception):
    """A call that must not or cannot be carried out; the text is a sentence for the model."""


def outside(raw: str, root: Path, reason: str) -> Refused:
    """The refusal of a path that does not lead to something in the tree."""
    return Refused(f"The path {shown(raw)} is outside the configured root {root}: {reason}.")


def components(raw: str, root: Path, also: Path | None = None) -> tuple[str, ...]:
    """The names from the root to ``raw``; none for the root itself.

    ``also`` is a second spelling of the root (with its links resolved).  An absolute path is taken
    when it lies beneath one of the two, name by name.  Raises Refused for whatever cannot be the
    name of something in the tree; links are the kernel's to judge, not ours.
    """
    reason = _bad_text(raw)
    if reason:
        raise outside(raw, root, reason)
    names = [name for name in raw.split("/") if name not in ("", ".")]
    if raw.startswith("/"):
        tail = _beneath(names, root) or (_beneath(names, also) if also else None)
        if tail is None:
            raise outside(raw, root, "it is absolute and does not lie beneath the root")
        names = tail[1:]
    if len(names) > MAX_NAMES:
        raise outside(raw, root, f"it is more than {MAX_NAMES} folders deep")
    for name in names:
        reason = _bad_name(name)
        if reason:
            raise outside(raw, root, reason)
    return tuple(names)


def shown(raw: str) -> str:
    """A path as a message may hold it: quoted, harmless to a terminal, at most 300 characters."""
    text = raw if len(raw) <= 300 else raw[:300] + "…"
    if text.isprintable():
        return f"'{text}'"
    return ascii(text)


def _bad_text(raw: str) -> str | None:
    if not raw:
        return "it is empty"
    if "\0" in raw:
        return "it contains a NUL character"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in raw):
        return "it is not valid Unicode"
    if any(unicodedata.category(letter) == "Cc" for letter in raw):
        return "it contains a control character"
    if any(letter in _BIDI for letter in raw):
        return "it contains a character that turns the direction of writing"
    if raw.startswith("~"):
        return "a home folder is not part of it"
    if "://" in raw:
        return "it is a URL, not a path"
    if len(raw.encode()) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    return None


def _bad_name(name: str) -> str | None:
    if name == "..":
        return "'..' is not followed, write the path from the root on"
    if is_like_dot_git(name):
        return "git metadata is not part of it"
    if len(name.encode()) > MAX_COMPONENT_BYTES:
        return f"a name in it is longer than {MAX_COMPONENT_BYTES} bytes"
    return None


def _beneath(names: list[str], root: Path) -> list[str] | None:
    """The names after the root, led by the root's own name; null when it is elsewhere."""
    stem = list(root.parts[1:])
    if names[: len(stem)] != stem:
        return None
    return ["/", *names[len(stem) :]]
