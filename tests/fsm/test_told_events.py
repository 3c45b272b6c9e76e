"""Events as lines for whoever watches."""

import pytest

from dispatch.fsm.told_events import told

HEAD = {"v": 1, "seq": 7, "ts": "2026-01-02T03:04:05.678Z"}


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {"type": "run.plan_accepted", "source": "gating-plan", "target": "executing"},
            ("run", "gating-plan → executing"),
        ),
        (
            {"type": "run.failed", "source": "executing", "target": "failed", "reason": "no\nmore"},
            ("run", "executing → failed: no more"),
        ),
        ({"type": "level.started", "level": 2}, ("level 2", "started")),
        (
            {"type": "attempt.ended", "attempt": "1a-x.critic.1", "task": "1a-x", "outcome": "ok"},
            ("attempt 1a-x.critic.1", "ended: task 1a-x, outcome ok"),
        ),
        (
            {"type": "escalation.opened", "escalation": "1a-x-dev-1", "task": None},
            ("escalation 1a-x-dev-1", "opened"),
        ),
        (
            {"type": "task.conflicted", "task": "1b-y", "paths": ["a", "b"], "extra": {"a": 1}},
            ("task 1b-y", "conflicted: paths a, b"),
        ),
        ({"type": "task.started", "task": "\x1b[31mred\u202e"}, ("task red", "started")),
        ({"type": "tool.called", "attempt": "1a-x.critic.1", "tool": "grep"}, None),
        ({"type": "tool.started", "attempt": "1a-x.critic.1", "tool": "grep"}, None),
        ({"type": "turn.completed", "attempt": "1a-x.critic.1", "turn": 3}, None),
    ],
)
def test_an_event_is_a_label_and_a_sentence(
    event: dict[str, object], line: tuple[str, str] | None
) -> None:
    assert told({**HEAD, **event}) == line


def test_a_long_text_is_cut() -> None:
    found = told({**HEAD, "type": "task.failed", "task": "1a-x", "message": "m" * 9000})
    assert found == ("task 1a-x", f"failed: message {'m' * 199}…")
