"""A real browser, Debian's chromium, driven over its debugging pipe: no port, no network."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = shutil.which("chromium")
FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # tests may run as root; what is opened is a file that we made
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
LIMIT_SECONDS: Final = 60.0  # without a word of the browser
MAX_MESSAGES: Final = 10_000  # of one call


class Browser:
    """One page; ``events`` are the browser's messages that answer no call."""

    def __init__(self, writing: int, reading: int) -> None:
        self._writing = writing
        self._reading = reading
        self._held = b""
        self._last = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Carry out one command and return its result."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        for _ in range(MAX_MESSAGES):
            answer = self._message()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)
        raise AssertionError(f"{method} was not answered")

    def open(self, page: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Show a file and wait until it is there."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.call("Page.navigate", url=page.as_uri())
        for _ in range(MAX_MESSAGES):
            if any(each.get("method") == "Page.loadEventFired" for each in self.events):
                return
            self.events.append(self._message())

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, which needs no script of its own for that."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as a picture."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            ready, _, _ = select.select([self._reading], [], [], LIMIT_SECONDS)
            assert ready, "the browser says nothing"
            part = os.read(self._reading, 1 << 20)
            assert part, "the browser ended"
            self._held += part
        text, _, self._held = self._held.partition(b"\0")
        answer: dict[str, Any] = json.loads(text)
        return answer


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which ends with the block."""
    assert PROGRAM is not None
    to_it, ours_out = _pipe()
    ours_in, from_it = _pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        popen = subprocess.Popen(
            [
                "/bin/bash",
                "-c",
                # It reads from 3 and writes to 4, whatever the pipes' numbers are here.
                f'exec "$@" 3<&{to_it} 4>&{from_it}',
                "bash",
                PROGRAM,
                *FLAGS,
                f"--user-data-dir={profile}",
            ],
            pass_fds=(to_it, from_it),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_it)
        os.close(from_it)
        try:
            made = Browser(ours_out, ours_in)
            yield made
            with contextlib.suppress(AssertionError, OSError):
                made.call("Browser.close")
        finally:
            os.close(ours_out)
            os.close(ours_in)
            popen.kill()
            popen.wait(30)


def _pipe() -> tuple[int, int]:
    """Its ends with numbers out of the way of 3 and 4."""
    reading, writing = os.pipe()
    ends = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (reading, writing))
    os.close(reading)
    os.close(writing)
    return ends[0], ends[1]
