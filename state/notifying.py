"""The user's notify command: each question, and each notice, as JSON on its standard input."""

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from .clean_text import clean
from .errors import StorageError
from .escalation_file import question_path, set_told, was_told
from .judgements import Escalation

NOTIFY_SECONDS: Final = 30.0  # after which a notify command is killed


class Notifier:
    """Calls ``words`` in the background; without words it does nothing.

    A question is told once: again only when the command failed, or the program was killed before
    it ended, and then at the next start.  ``say`` is told what failed.
    """

    def __init__(self, folder: Path, words: Sequence[str], say: Callable[[str], None]) -> None:
        self._folder = folder
        self._words = tuple(words)
        self._say = say
        self._at_work: list[threading.Thread] = []

    def question(self, escalation: Escalation) -> None:
        """Tell an open question, unless it was told."""
        if not was_told(self._folder, escalation.id):
            self._start("question", escalation.question, escalation)

    def notice(self, text: str) -> None:
        """Tell something that needs no answer."""
        self._start("notice", text, None)

    def close(self) -> None:
        """Give commands at work their time to end."""
        for thread in self._at_work:
            thread.join(NOTIFY_SECONDS)

    def _start(self, kind: str, text: str, question: Escalation | None) -> None:
        if not self._words:
            return
        message = {
            "kind": kind,
            "run": self._folder.name,
            "id": question.id if question else None,
            "text": clean(text),
            "reason": clean(question.reason) if question else "",
            "allowed": list(question.allowed) if question else [],
            "file": str(question_path(self._folder, question.id)) if question else None,
        }
        # A thread: a command that hangs must not hold up the run.
        thread = threading.Thread(target=self._tell, args=(json.dumps(message), question))
        thread.daemon = True
        self._at_work = [each for each in self._at_work if each.is_alive()]
        self._at_work.append(thread)
        thread.start()

    def _tell(self, message: str, question: Escalation | None) -> None:
        try:
            subprocess.run(
                self._words,
                input=message.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=NOTIFY_SECONDS,
                check=True,
            )
            if question is not None:
                set_told(self._folder, question.id)
        except (OSError, subprocess.SubprocessError, StorageError) as error:
            self._say(f"the notify command failed: {error}")
