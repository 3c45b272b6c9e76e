import unittest

from tally import count_words


class Words(unittest.TestCase):
    def test_words_are_separated_by_any_white_space(self) -> None:
        self.assertEqual(count_words("one two\tthree\n four "), 4)

    def test_an_empty_text_has_no_words(self) -> None:
        self.assertEqual(count_words(""), 0)
