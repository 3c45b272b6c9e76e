"""A user whose garbage is collected all the time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fakes.git_repos import User


@contextmanager
def collecting_garbage(user: User) -> Iterator[list[int]]:
    """``git gc --prune=now`` over and over; none of them may fail."""
    rounds: list[int] = []
    failures: list[str] = []
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            try:
                user.gc()
            except AssertionError as error:
                failures.append(str(error))
            rounds.append(len(rounds))

    collector = threading.Thread(target=collect)
    collector.start()
    try:
        yield rounds
    finally:
        done.set()
        collector.join()
    assert failures == []
