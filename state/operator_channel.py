"""The way to the operator: a file per question, lines on stderr, the user's notify command."""

import asyncio
import contextlib
import getpass
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TextIO

from .clean_text import clean
from .errors import WaitingForOperator
from .escalation_file import (
    Problem,
    Reply,
    put_aside,
    question_path,
    read_reply,
    write_question,
)
from .judgements import Answer, Escalation

POLL_SECONDS: Final = 0.5
REMIND_SECONDS: Final = 600.0
NOTIFY_SECONDS: Final = 30.0  # after which a notify command is killed


class OperatorChannel:
    """Asks the person who started the run, or who calls ``dispatch answer``.

    ``wait`` false: a question without an answer raises WaitingForOperator at once.
    ``timeout_seconds``: how long each question is waited for; null: for ever.
    ``notify``: the words of a command that gets each new question as JSON on its stdin.
    """

    def __init__(
        self,
        folder: Path,
        *,
        stream: TextIO,
        now: Callable[[], str],
        wait: bool = True,
        timeout_seconds: float | None = None,
        notify: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._stream = stream
        self._now = now
        self._wait = wait
        self._timeout = timeout_seconds
        self._notify = tuple(notify)
        self._notifiers: list[threading.Thread] = []

    def announce(self, escalation: Escalation) -> None:
        """Write the question's file and tell of it; a file that is there was told of before."""
        is_new = write_question(self._folder, escalation)
        self._say(f"question {escalation.id}: {escalation.question}")
        for verb in escalation.allowed:
            self._say(f"  {verb}: {escalation.consequences.get(verb, '')}")
        if is_new:
            self._tell_command("question", escalation.id, escalation.question, escalation)

    async def answer(self, escalation: Escalation) -> Answer:
        """The first valid answer in the question's file, looked for every ``POLL_SECONDS``."""
        started = reminded = time.monotonic()
        said = ""
        seen: tuple[int, ...] | None = None
        if self._wait:
            self._say(self._how(escalation))
        while True:
            mark = self._mark(escalation)
            if mark is None:
                write_question(self._folder, escalation)  # deleted: that is no answer
            elif mark != seen:
                found = read_reply(self._folder, escalation)
                if isinstance(found, Reply):
                    return Answer(verb=found.verb, note=found.note, at=self._now(), by=user_name())
                if isinstance(found, Problem) and found.text != said:
                    said = found.text
                    self._say(said)
            seen = mark
            now = time.monotonic()
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
            await asyncio.sleep(POLL_SECONDS)

    def settle(self, escalation: Escalation) -> None:
        """Put the file aside; an answer that came too late is told, not taken."""
        assert escalation.answer is not None  # only answered questions are settled
        late = put_aside(self._folder, escalation, escalation.answer)
        if late is not None:
            self._say(
                f"question {escalation.id} was answered {escalation.answer.verb} before; "
                f"{late.verb} came too late"
            )

    def notice(self, text: str) -> None:
        """Tell something that needs no answer."""
        self._say(text)
        self._tell_command("notice", None, text, None)

    def close(self) -> None:
        """Give notify commands at work their time to end."""
        for thread in self._notifiers:
            thread.join(NOTIFY_SECONDS)

    def _how(self, escalation: Escalation) -> str:
        verbs = "|".join(escalation.allowed)
        return (
            f"waiting for an answer: dispatch answer {self._folder.name} {escalation.id} {verbs} "
            f"(or edit {question_path(self._folder, escalation.id)})"
        )

    def _mark(self, escalation: Escalation) -> tuple[int, ...] | None:
        """Changes when the file may have changed; null: it is not there."""
        try:
            found = os.lstat(question_path(self._folder, escalation.id))
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone: nobody to tell
            self._stream.write(f"dispatch: {' '.join(clean(text).split())}\n")
            self._stream.flush()

    def _tell_command(
        self, kind: str, escalation_id: str | None, text: str, question: Escalation | None
    ) -> None:
        if not self._notify:
            return
        message = {
            "kind": kind,
            "run": self._folder.name,
            "id": escalation_id,
            "text": clean(text),
            "reason": clean(question.reason) if question else "",
            "allowed": list(question.allowed) if question else [],
        }
        # A thread: a command that hangs must not hold up the run.
        thread = threading.Thread(target=self._run_notify, args=(json.dumps(message),), daemon=True)
        self._notifiers = [each for each in self._notifiers if each.is_alive()]
        self._notifiers.append(thread)
        thread.start()

    def _run_notify(self, message: str) -> None:
        try:
            subprocess.run(
                self._notify,
                input=message.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=NOTIFY_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            self._say(f"the notify command failed: {error}")


def user_name() -> str:
    """Who answers, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return f"uid {os.geteuid()}"
