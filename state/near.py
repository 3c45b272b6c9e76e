"""Known words that are near to one that nobody knows."""

from collections.abc import Iterable, Sequence


def nearest(word: str, known: Iterable[str]) -> str:
    """A half-sentence that helps with a word nobody knows."""
    names = sorted(known)
    near = _near(word, names)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"


def nearest_of(word: str, what: str, known: Iterable[str]) -> str:
    """The same as a sentence; ``what`` are those that are known, in their own order."""
    names = tuple(known)
    near = _near(word, names)
    return f"Did you mean {near[0]}?" if near else f"{what}: {', '.join(names) or 'none'}."


def _near(word: str, names: Sequence[str]) -> list[str]:
    from difflib import get_close_matches  # most who could ask for it know their words

    return get_close_matches(word, names, n=1)
