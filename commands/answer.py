"""``dispatch answer RUN [ID VERB]``: show the open questions of a run, or answer one."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from ..state.clean_text import clean
from ..state.codec import unstructure
from ..state.document import load_run_of
from ..state.enums import RunStatus
from ..state.errors import ExitCode, UsageError
from ..state.escalation_file import (
    MAX_NOTE_CHARS,
    Problem,
    Reply,
    put_aside,
    read_reply,
    write_reply,
)
from ..state.judgements import Escalation
from ..state.lock import holder
from ..state.records import Run
from .folders import folder_of
from .json_output import print_json


def run(args: Namespace) -> int:
    """Print what is open, or write an answer into the question's file, where the run finds it."""
    folder = folder_of(args.repo, args.name)
    document = load_run_of(folder)
    if args.id is None:
        waiting = [each for each in document.escalations if each.answer is None]
        if args.json:
            print_json(run=document.name, open=[unstructure(each) for each in waiting])
        else:
            print("\n".join(_open_questions(document, waiting, folder)))
        return ExitCode.DONE
    said = give_answer(document, folder, args.id, args.answer, args.note)
    if args.json:
        print_json(run=document.name, id=args.id, answer=args.answer)
    else:
        print(said)
    return ExitCode.DONE


def give_answer(run: Run, folder: Path, name: str, verb: str | None, note: str) -> str:
    """Answer a question; what became of it, in a sentence.  Raises UsageError."""
    question = next((each for each in run.escalations if each.id == name), None)
    if question is None:
        known = ", ".join(each.id for each in run.escalations if each.answer is None) or "none"
        raise UsageError(f"Run {run.name} has no question {name!r}.", f"Open questions: {known}.")
    allowed = f"Allowed: {', '.join(question.allowed)}."
    if verb is None:
        raise UsageError(f"There is no answer to {name} on the command line.", allowed)
    if verb not in question.allowed:
        raise UsageError(f"{verb!r} is no answer to {name}.", allowed)
    if len(note) > MAX_NOTE_CHARS:
        raise UsageError(f"The note is longer than {MAX_NOTE_CHARS} characters.", "Shorten it.")
    if question.answer is not None:
        if question.answer.verb == verb:
            return f"{name} was answered {verb} already."
        raise _too_late(name, question.answer.verb)
    if run.status is RunStatus.DONE:
        raise UsageError(f"Run {run.name} is done: nothing waits for an answer any more.")
    other = write_reply(folder, question, Reply(verb, clean(note).strip()))
    if other is not None:
        raise _too_late(name, other.verb)
    _require_in_time(folder, name)
    if holder(folder) is not None:
        return f"{name} is answered: {verb}. The run goes on with it in a moment."
    again = "retry " if run.status is RunStatus.FAILED else ""
    return f"{name} is answered: {verb}. Continue the run: dispatch {again}{run.name}"


def _require_in_time(folder: Path, name: str) -> None:
    """The run may have taken up another answer while this one was on its way."""
    question = next((e for e in load_run_of(folder).escalations if e.id == name), None)
    if question is not None and question.answer is not None:
        late = put_aside(folder, question, question.answer)
        if late is not None:
            raise _too_late(name, question.answer.verb)


def _too_late(name: str, verb: str) -> UsageError:
    return UsageError(f"{name} was answered {verb} already.", "The first answer counts.")


def _open_questions(run: Run, waiting: list[Escalation], folder: Path) -> Iterator[str]:
    if not waiting:
        yield f"Run {run.name} has no open question."
    for question in waiting:
        yield f"{question.id}: {_line(question.question)}"
        yield f"  why: {_line(question.reason)}"
        width = max(map(len, question.allowed))
        for verb in question.allowed:
            yield f"  {verb:<{width}}  {_line(question.consequences.get(verb, ''))}"
        given = read_reply(folder, question)
        if isinstance(given, Problem):
            yield f"  {_line(given.text)}"
        if isinstance(given, Reply):
            yield f"  answered {given.verb}; the run has not taken it up yet"
        else:
            yield f"  dispatch answer {run.name} {question.id} {'|'.join(question.allowed)}"


def _line(text: str) -> str:
    return " ".join(clean(text).split())
