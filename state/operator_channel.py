"""The way to the operator: a file per question, the terminal, the user's notify command."""

import asyncio
import contextlib
import getpass
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from .alive import alive_seconds
from .clean_text import clean
from .errors import StorageError, WaitingForOperator
from .escalation_file import (
    MAX_NOTE_CHARS,
    SHOWN,
    Problem,
    Reply,
    put_aside,
    question_path,
    read_reply,
    write_question,
    write_reply,
)
from .free_text import record_without_secrets
from .judgements import Answer, Escalation
from .notifying import Notifier
from .redact import Redactor
from .streams import Stream
from .terminal import Refused, Terminal

POLL_SECONDS: Final = 0.5
REMIND_SECONDS: Final = 600.0
MAX_SHOWN_CHARS: Final = 1000  # of one text on the screen; the question's file has more


class OperatorChannel:
    """Asks the person who started the run, or who calls ``dispatch answer``.

    Every answer goes through the question's file, wherever it is given, and the first one counts.
    ``terminal``: where he is asked, if he sits at one.  ``wait`` false: a question without an
    answer raises WaitingForOperator at once.  ``timeout_seconds``: how long each question is waited
    for; null: for ever.  ``notify``: the words of a command that gets each question once.
    ``redactor`` takes secrets out of all that is told.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stream: Stream,
        now: Callable[[], str],
        terminal: Terminal | None = None,
        wait: bool = True,
        timeout_seconds: float | None = None,
        notify: Sequence[str] = (),
        redactor: Redactor | None = None,
    ) -> None:
        self._folder = folder
        self._redactor = redactor or Redactor()
        self._stream = stream
        self._now = now
        self._terminal = terminal if wait else None
        self._wait = wait
        self._timeout = timeout_seconds
        self._notifier = Notifier(folder, notify, self._say)
        self._settled: dict[str, Escalation] = {}

    def announce(self, escalation: Escalation) -> None:
        """Write the question's file, unless it is there, and tell of it, unless it is answered."""
        escalation = record_without_secrets(escalation, self._redactor)
        write_question(self._folder, escalation)
        if self._is_answered(escalation):  # while nobody was at work; told when it is taken up
            return
        if self._terminal is None or self._terminal.gone:
            for line in self._asked(escalation):
                self._say(line)
        elif not self._terminal.is_free():
            self._say(f"question {escalation.id}: {_line(escalation.question)}")
        self._notifier.question(escalation)

    async def answer(self, escalation: Escalation) -> Answer:
        """The first valid answer in the question's file; the terminal is asked meanwhile."""
        escalation = record_without_secrets(escalation, self._redactor)
        asking = asyncio.ensure_future(self.ask_here(escalation))
        try:
            reply = await self._reply(escalation, asking)
            here = asking.done() and await asking == reply
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        if not here:
            note = f", {_line(reply.note)}" if reply.note else ""
            self._say(f"question {escalation.id} is answered: {reply.verb}{note}")
        return Answer(verb=reply.verb, note=reply.note, at=self._now(), by=user_name())

    async def ask_here(self, escalation: Escalation) -> Reply | None:
        """Have the question answered at the terminal, if there is one: into its file.

        Null: nobody is there, or it was answered before.
        """
        if self._terminal is None:
            return None
        await self._show(self._terminal, escalation)
        escalation = record_without_secrets(escalation, self._redactor)
        first, *rest = self._asked(escalation)
        text = "\n".join(
            (
                f"dispatch: {first}",
                *rest,
                "  Type one of these words and, if you like, a note behind it.",
                f"  Or elsewhere: dispatch answer {self._folder.name} {escalation.id} WORD",
            )
        )
        prompt = f"{escalation.id}> "
        understood = partial(_understood, escalation)
        while True:
            try:
                reply = await self._terminal.ask(text, prompt, understood)
                other = write_reply(self._folder, escalation, reply)
            except EOFError:
                self._say(f"nothing more is read from here; {self._how(escalation)}")
                return None
            except StorageError as error:
                self._say(f"the answer could not be kept: {error}")
            else:
                if other is None:
                    return reply
                self._say(_too_late(escalation, other.verb, reply.verb))
                return None

    def settle(self, escalation: Escalation) -> None:
        """Put the file aside; an answer that came too late is told, not taken."""
        escalation = record_without_secrets(escalation, self._redactor)
        self._settled[escalation.id] = escalation
        self._put_aside(escalation)

    def notice(self, text: str) -> None:
        """Tell something that needs no answer."""
        text = self._redactor.text(text)
        self._say(text)
        self._notifier.notice(text)

    def close(self) -> None:
        """Tell of answers that came too late, and give notify commands their time to end."""
        for escalation in self._settled.values():
            self._put_aside(escalation)
        self._notifier.close()

    async def _reply(self, escalation: Escalation, asking: "asyncio.Task[Reply | None]") -> Reply:
        """What the file answers, looked at every ``POLL_SECONDS``, and when ``asking`` ends."""
        started = reminded = alive_seconds()
        said = ""
        seen: tuple[int, ...] | None = None
        is_here = self._terminal is not None and not self._terminal.gone
        if self._wait and not is_here and not self._is_answered(escalation):
            self._say(self._how(escalation))
        while True:
            mark = self._mark(escalation)
            if mark is None:
                write_question(self._folder, escalation)  # deleted: that is no answer
            elif mark != seen:
                found = read_reply(self._folder, escalation)
                if isinstance(found, Reply):
                    return found
                if isinstance(found, Problem) and found.text != said:
                    said = found.text
                    self._say(said)
            seen = mark
            now = alive_seconds()
            if not self._wait or (self._timeout is not None and now - started >= self._timeout):
                raise WaitingForOperator(
                    f"Run {self._folder.name} waits for an answer to {escalation.id}: "
                    f"{clean(escalation.question)}",
                    f"Answer with `dispatch answer {self._folder.name} {escalation.id} "
                    f"{'|'.join(escalation.allowed)}`, then start it again.",
                )
            if now - reminded >= REMIND_SECONDS:
                reminded = now
                self._say(self._how(escalation))
            if asking.done():
                await asyncio.sleep(POLL_SECONDS)
            else:
                await asyncio.wait({asking}, timeout=POLL_SECONDS)

    async def _show(self, terminal: Terminal, escalation: Escalation) -> None:
        """Let the text that ``SHOWN`` of the question's details names be read first."""
        path = escalation.details.get(SHOWN)
        if not isinstance(path, str):
            return
        try:
            await terminal.page(Path(path))
        except OSError as error:
            self._say(f"{path} cannot be shown: {error.strerror}")

    def _put_aside(self, escalation: Escalation) -> None:
        assert escalation.answer is not None  # only answered questions are settled
        late = put_aside(self._folder, escalation, escalation.answer)
        if late is not None:
            self._say(_too_late(escalation, escalation.answer.verb, late.verb))

    def _asked(self, escalation: Escalation) -> tuple[str, ...]:
        width = max(map(len, escalation.allowed))
        return (
            f"question {escalation.id}: {_line(escalation.question)}",
            f"  why: {_line(escalation.reason)}",
            *(
                f"  {verb:<{width}}  {_line(escalation.consequences.get(verb, ''))}"
                for verb in escalation.allowed
            ),
        )

    def _how(self, escalation: Escalation) -> str:
        verbs = "|".join(escalation.allowed)
        return (
            f"waiting for an answer: dispatch answer {self._folder.name} {escalation.id} {verbs} "
            f"(or edit {question_path(self._folder, escalation.id)})"
        )

    def _is_answered(self, escalation: Escalation) -> bool:
        return isinstance(read_reply(self._folder, escalation), Reply)

    def _mark(self, escalation: Escalation) -> tuple[int, ...] | None:
        """Changes when the file may have changed; null: it is not there."""
        try:
            found = os.lstat(question_path(self._folder, escalation.id))
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone: nobody to tell
            line = " ".join(self._redactor.text(clean(text)).splitlines())
            self._stream.write(f"dispatch: {line}\n")
            self._stream.flush()


def user_name() -> str:
    """Who answers, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return f"uid {os.geteuid()}"


def _understood(escalation: Escalation, line: str) -> Reply | Refused:
    verb, _, note = line.partition(" ")
    if verb not in escalation.allowed:
        allowed = ", ".join(escalation.allowed)
        return Refused(f"  {_line(verb)!r} is no answer to this. Allowed: {allowed}.")
    if len(note) > MAX_NOTE_CHARS:
        return Refused(f"  The note is longer than {MAX_NOTE_CHARS} characters. Shorten it.")
    return Reply(verb, note.strip())


def _too_late(escalation: Escalation, first: str, late: str) -> str:
    return f"question {escalation.id} was answered {first} before; {late} came too late"


def _line(text: str) -> str:
    line = " ".join(clean(text).split())
    return line if len(line) <= MAX_SHOWN_CHARS else f"{line[: MAX_SHOWN_CHARS - 1]}…"
