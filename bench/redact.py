"""How fast secrets are found: in ordinary output, and in texts made to be slow.

Run it with the environment's own interpreter: ``.venv/bin/python bench/redact.py``.
"""

import time
from typing import Final

from dispatch.state.redact import Redactor

CHARACTERS: Final = 4_000_000
ROUNDS: Final = 3
# A text that repeats this, and how many megabytes a second it has to be.
LIMITS: Final[tuple[tuple[str, str, float], ...]] = (
    ("test log", "tests/test_tally.py::test_it PASSED [ 12%] https://example.org/a\n", 50.0),
    ("source", "    return self.secret_of(risk - desk[i], key='task-1')  # sk-learn\n", 25.0),
    ("one letter", "a", 50.0),
    ("prefixes", "sk-", 1.0),
    ("halves", "eyJaaaaaaaaaaaa.eyJaaaaaaaaaaaa.", 5.0),
    ("addresses", "://a:", 5.0),
    ("armour", "-----BEGIN PRIVATE KEY-----", 5.0),
    ("dashes", "-----BEGIN PRIVATE KEY-----\n" + "a b" * 12_000, 5.0),
    ("headers", "Authorization: Bearer ", 5.0),
)


def megabytes_a_second(text: str) -> float:
    """The best of a few rounds, in the processor's time."""
    redactor = Redactor(["correct horse battery staple", "k3y-0f-the-bench"])
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        redactor.text(text)
        times.append(time.process_time() - start)
    return len(text) / min(times) / 1e6


def main() -> int:
    """Print one line for each text; exit code 1 when one is too slow."""
    failed = False
    for name, piece, least in LIMITS:
        rate = megabytes_a_second(piece * (CHARACTERS // len(piece)))
        failed = failed or rate < least
        mark = "  SLOW" if rate < least else ""
        print(f"{name:<12} {rate:7.1f} MB/s of at least {least:g}{mark}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
