"""Count things in text."""

# Counting: one number for a whole text.
from .words import count_words as count_words

# Each of these takes a text and returns a whole number.


# Ranking: what occurs how often.

# Each of these takes a text and returns pairs, the most frequent first.
