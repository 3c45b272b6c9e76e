"""Runs a function as root and as an ordinary user at the same time, in one test."""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any, Final

ORDINARY: Final = 65534  # "nobody", everywhere


def as_users(function: Callable[[], Any]) -> dict[str, Any]:
    """What it returned, as JSON has it, by ``root`` and ``user``; only the latter, if not root."""
    if os.geteuid() != 0:
        return {"user": json.loads(json.dumps(function()))}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_ordinary(function, writing)
    os.close(writing)
    with os.fdopen(reading) as answer:
        try:
            found = json.loads(json.dumps(function()))
        finally:
            text = answer.read()
            status = os.waitpid(child, 0)[1]
    assert status == 0, text
    return {"root": found, "user": json.loads(text)}


def _be_ordinary(function: Callable[[], Any], writing: int) -> None:
    try:
        os.setgroups([])
        os.setgid(ORDINARY)
        os.setuid(ORDINARY)
        os.environ["HOME"] = "/nonexistent"
        os.write(writing, json.dumps(function()).encode())
        os._exit(0)
    except BaseException:
        os.write(writing, traceback.format_exc().encode())
    finally:
        os._exit(1)
