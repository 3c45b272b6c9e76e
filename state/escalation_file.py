"""One file per question to the operator: written for a person to fill in, read with suspicion."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from . import yaml_text
from .clean_text import clean
from .codec import unstructure
from .durable import make_folder, replace
from .errors import StorageError
from .judgements import Answer, Escalation
from .yaml_text import YamlError

FOLDER: Final = "escalations"
ANSWERED: Final = "answered"
TOLD: Final = "notified"
SHOWN: Final = "show"  # the key of a question's details that names a text to be read first
MAX_BYTES: Final = 64 * 1024
MAX_NOTE_CHARS: Final = 4000
MAX_TEXT_CHARS: Final = 8000  # of one text that is shown; the document has it whole

_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOCK_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_MAY_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_HEAD: Final = (
    "# A run waits for you.  Set `answer` to one of the words below `allowed`, add a note if you\n"
    "# like, and save; or call: dispatch answer {run} {id} WORD --note TEXT\n"
)


@frozen
class Reply:
    """What a person put into the file."""

    verb: str
    note: str


@frozen
class Problem:
    """Why what is in the file cannot be taken, in a sentence."""

    text: str


def question_path(run_folder: Path, escalation_id: str) -> Path:
    """The file of an open question."""
    return run_folder / FOLDER / f"{escalation_id}.yaml"


def write_question(run_folder: Path, escalation: Escalation) -> bool:
    """Make the question's file; false: it is there, and what is in it stays."""
    with _alone(run_folder):
        path = question_path(run_folder, escalation.id)
        if os.path.lexists(path):
            return False
        replace(path, _text(run_folder.name, escalation))
        return True


def read_reply(run_folder: Path, escalation: Escalation) -> Reply | Problem | None:
    """What the file answers; null: nothing yet.  Half-written YAML is a problem, like any other."""
    path = question_path(run_folder, escalation.id)
    try:
        data = _read(path)
        given = yaml_text.loads(yaml_text.decode(data))
    except FileNotFoundError:
        return None
    except OSError as error:
        return Problem(f"{path} cannot be taken: {error.strerror}.")
    except YamlError:
        return Problem(f"{path} is not whole YAML; it is read again when it is saved again.")
    if not isinstance(given, dict) or given.get("answer") in (None, ""):
        return None
    if given.get("id") != escalation.id:
        return Problem(f"{path} does not repeat the question's id {escalation.id}.")
    verb, note = given["answer"], given.get("note") or ""
    if not isinstance(verb, str) or verb.strip() not in escalation.allowed:
        allowed = ", ".join(escalation.allowed)
        shown = clean(str(verb))[:60]
        return Problem(f"{path} answers {shown!r}, which is none of {allowed}.")
    if not isinstance(note, str) or len(note) > MAX_NOTE_CHARS:
        return Problem(f"The note in {path} is no text of at most {MAX_NOTE_CHARS} characters.")
    return Reply(verb.strip(), clean(note).strip())


def write_reply(run_folder: Path, escalation: Escalation, reply: Reply) -> Reply | None:
    """Answer an open question in its file; returns the other answer that was there first, if so."""
    with _alone(run_folder):
        there = read_reply(run_folder, escalation)
        if isinstance(there, Reply):
            return there if there.verb != reply.verb else None
        path = question_path(run_folder, escalation.id)
        replace(path, _text(run_folder.name, escalation, reply))
        return None


def put_aside(run_folder: Path, escalation: Escalation, answer: Answer) -> Reply | None:
    """Move a question to the answered ones, as it was answered; a repetition changes nothing.

    Returns another answer that stood in the file and came too late.
    """
    with _alone(run_folder):
        path = question_path(run_folder, escalation.id)
        kept = run_folder / FOLDER / ANSWERED / path.name
        late = read_reply(run_folder, escalation)
        text = _text(run_folder.name, escalation, Reply(answer.verb, answer.note))
        # Asked again after a retry, a question may be answered in another way.
        if not kept.is_file() or kept.read_bytes() != text:
            make_folder(kept.parent)
            replace(kept, text)
        for each in (path, _told_path(run_folder, escalation.id)):
            each.unlink(missing_ok=True)
    return late if isinstance(late, Reply) and late.verb != answer.verb else None


def was_told(run_folder: Path, escalation_id: str) -> bool:
    """Whether the notify command has taken the question."""
    return _told_path(run_folder, escalation_id).exists()


def set_told(run_folder: Path, escalation_id: str) -> None:
    """The notify command has taken the question: it does not get it again."""
    path = _told_path(run_folder, escalation_id)
    with _alone(run_folder):
        if question_path(run_folder, escalation_id).exists():  # not answered meanwhile
            make_folder(path.parent)
            path.touch()


def _told_path(run_folder: Path, escalation_id: str) -> Path:
    return run_folder / FOLDER / TOLD / escalation_id


def _text(run: str, escalation: Escalation, reply: Reply | None = None) -> bytes:
    consequences = escalation.consequences
    body: Mapping[str, object] = {
        "id": escalation.id,
        "question": escalation.question,
        "reason": escalation.reason,
        "task": escalation.task_id,
        "askedAt": escalation.created_at,
        "allowed": {verb: consequences.get(verb, "") for verb in escalation.allowed},
        "details": unstructure(escalation.details),
        "answer": reply.verb if reply else None,
        "note": reply.note if reply else "",
    }
    shown = {key: _shown(value) for key, value in body.items()}
    data = (_HEAD.format(run=run, id=escalation.id) + yaml_text.dumps(shown)).encode()
    if len(data) > MAX_BYTES // 2:  # room for the note: a file over the cap could not be read back
        shown["details"] = {"leftOut": "They are too long; the document has them."}
        data = (_HEAD.format(run=run, id=escalation.id) + yaml_text.dumps(shown)).encode()
    return data


def _shown(value: object) -> object:
    """Text of agents without what is not seen, and of bounded length."""
    if isinstance(value, str):
        text = clean(value)
        return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}…"
    if isinstance(value, Mapping):
        return {clean(str(key)): _shown(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(part) for part in value]
    return value


def _read(path: Path) -> bytes:
    """The content of a file that only this user can have written; raises OSError."""
    descriptor = os.open(path, _FLAGS)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is not a regular file")
        if found.st_uid != os.geteuid():
            raise OSError(0, "it belongs to another user")
        if found.st_mode & _OTHERS_MAY_WRITE:
            raise OSError(0, "others may write it; `chmod 600` it")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(0, f"it is larger than {MAX_BYTES // 1024} KiB")
    return data


@contextlib.contextmanager
def _alone(run_folder: Path) -> Iterator[None]:
    """No other process writes questions or answers of this run meanwhile; held for moments."""
    folder = run_folder / FOLDER
    make_folder(folder)
    try:
        descriptor = os.open(folder / "lock", _LOCK_FLAGS, 0o600)
    except OSError as error:
        raise StorageError(
            f"Cannot open {folder / 'lock'}: {error.strerror}.",
            "It must be a plain file in a folder you may write to.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
