"""An older way to count words; nothing uses it any more."""


def wc(text: str) -> int:
    """How many words a text has, counting blanks."""
    return text.count(" ") + 1
