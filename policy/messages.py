"""Commit messages: the objective as subject and body, and trailers that only we can set."""

import re
import unicodedata
from typing import Final

MAX_SUBJECT: Final = 72
MAX_BODY: Final = 10_000
RUN_TRAILER: Final = "Dispatch-Run"
TASK_TRAILER: Final = "Dispatch-Task"
OPERATOR_TRAILER: Final = "Dispatch-Operator"
UNSAID: Final = "Change what was asked about"  # by an operator who left no note

# A full stop after these ends no sentence.
_ABBREVIATIONS: Final = frozenset(
    {
        "approx",
        "cf",
        "dept",
        "dr",
        "esp",
        "etc",
        "fig",
        "figs",
        "incl",
        "mr",
        "mrs",
        "nos",
        "resp",
        "viz",
        "vs",
    }
)
# Neither after a version or a list's number (v1. 2.0.), nor after initials (e.g. i.e. U.S.).
_UNFINISHED: Final = re.compile(r"v?[0-9]+(?:\.[0-9]+)*|[^\W\d_](?:\.[^\W\d_])*")
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)|\n[ \t]*\n")
_LEADING_MARKS: Final = re.compile(r"(?:[-#*>]+\s+)+")
_TRAILING_MARKS: Final = " \t.!?,;:-\u2013\u2014([{<'\"`"
# Lines that git or we would read as something else than text: the divider before a patch,
# the scissors of an editor, and our own trailers.
_DIVIDER: Final = re.compile(r"---(?:\s|$)")
_SCISSORS: Final = "------------------------ >8 ------------------------"
_OURS: Final = re.compile(
    rf"\s*(?:{RUN_TRAILER}|{TASK_TRAILER}|{OPERATOR_TRAILER})\s*[:=]", re.IGNORECASE
)
_SEPARATORS: Final = re.compile("\r\n?|[\v\f\x1c-\x1e\x85\u2028\u2029]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs"})


def commit_message(objective: str, *, run: str, task: str) -> str:
    """Subject, body and trailer block, ending in a newline; the same arguments, the same text.

    Raises ValueError ("empty objective") when the objective has nothing to make a subject from.
    """
    return _message(objective, f"{RUN_TRAILER}: {run}\n{TASK_TRAILER}: {task}")


def operator_message(note: str, *, run: str, by: str) -> str:
    """The message of an operator's own commit: his note, and who he is."""
    trailers = f"{RUN_TRAILER}: {run}\n{OPERATOR_TRAILER}: {' '.join(_visible(by).split())}"
    try:
        return _message(note, trailers)
    except ValueError:  # nothing in it that could be a subject
        return _message(f"{UNSAID}\n\n{note}", trailers)


def subject(objective: str) -> str:
    """The first sentence in at most 72 characters; raises ValueError ("empty objective")."""
    sentence = _sentence_subject(_first_sentence(_visible(objective))[0])
    if not any(character.isalnum() for character in sentence):
        raise ValueError("empty objective")
    if len(sentence) <= MAX_SUBJECT:
        return sentence
    cut = sentence[: MAX_SUBJECT + 1].rfind(" ")
    return sentence[: cut if cut > 0 else MAX_SUBJECT].rstrip(_TRAILING_MARKS)


def _message(text: str, trailers: str) -> str:
    title = subject(text)
    first, rest = _first_sentence(_visible(text))
    # What the subject had to leave out must not be lost.
    body = rest if _sentence_subject(first) == title else f"{' '.join(first.split())}\n\n{rest}"
    lines = [_harmless(line.rstrip()) for line in body[:MAX_BODY].strip().split("\n")]
    paragraphs = [title, "\n".join(lines), trailers]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _sentence_subject(sentence: str) -> str:
    plain = " ".join(sentence.split())
    return _LEADING_MARKS.sub("", plain, count=1).rstrip(".!?,;: ")


def _first_sentence(text: str) -> tuple[str, str]:
    for end in _SENTENCE_END.finditer(text):
        word = text[max(0, end.start() - MAX_SUBJECT) : end.start()].split()[-1:] or [""]
        if end[0] == "." and _goes_on(word[0].lstrip("([{'\"`*_").lower()):
            continue
        return text[: end.end()], text[end.end() :].strip()
    return text, ""


def _goes_on(word: str) -> bool:
    return word in _ABBREVIATIONS or _UNFINISHED.fullmatch(word) is not None


def _visible(text: str) -> str:
    lines = _SEPARATORS.sub("\n", text).strip()
    return "".join(
        character
        for character in lines
        if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE
    )


def _harmless(line: str) -> str:
    if _DIVIDER.match(line) or _SCISSORS in line or _OURS.match(line):
        return f"> {line}"
    return line
