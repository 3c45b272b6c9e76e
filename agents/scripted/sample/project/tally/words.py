"""Words: runs of characters that are not white space."""


def count_words(text: str) -> int:
    """How many words a text has."""
    return len(text.split())
