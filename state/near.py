"""Known words that are near to one that nobody knows."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """A half-sentence that helps with a word nobody knows."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def nearest_of(word: str, what: str, known: Iterable[str]) -> str:
    """The same as a sentence; ``what`` are those that are known, in their own order."""
    names = tuple(known)
    near = get_close_matches(word, names, n=1)
    return f"Did you mean {near[0]}?" if near else f"{what}: {', '.join(names) or 'none'}."
