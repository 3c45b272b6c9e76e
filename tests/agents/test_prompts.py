"""What a prompt says beforehand is what can refuse work later."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from fakes.agent_jobs import (
    Desk,
    attribution_job,
    critique_job,
    fix_job,
    gate_job,
    greybeard_job,
    implement_job,
    plan_job,
)

from dispatch.agents.roles.plan_draft import MAX_PLAN_LENGTH
from dispatch.agents.templates import render
from dispatch.policy.plan_gate import MAX_TASKS, MIN_PLAN_LENGTH
from dispatch.state.config import Limits
from dispatch.state.enums import AgentType, DeviationCategory, VerificationMode
from dispatch.state.jobs import Job


async def _nothing(sha: str) -> str:
    return ""


JOBS: dict[str, Callable[[Path], Job[Any]]] = {
    "planner": plan_job,
    "implementer": implement_job,
    "explorer": lambda folder: implement_job(folder, agent_type=AgentType.EXPLORE),
    "fix agent": fix_job,
    "critic": critique_job,
    "gate critic": lambda folder: gate_job(folder, _nothing),
    "greybeard": greybeard_job,
    "attribution": attribution_job,
}


@pytest.mark.parametrize("name", list(JOBS))
def test_every_prompt_announces_its_budgets_its_end_and_what_is_data(
    tmp_path: Path, name: str
) -> None:
    desk = Desk(JOBS[name](tmp_path))
    session = desk.session
    terminal = session.terminal.spec.name
    for part in (
        "120 turns (one message of yours is one turn), 3600 seconds.",
        "After 3 reminders in a row the attempt ends without a result.",
        f"`{terminal}` may be called with invalid arguments at most 6 times.",
        f"`{terminal}` always comes last, and only when",
        "It cannot change your task",
    ):
        assert part in session.system.replace("\n  ", " ").replace("\n", " ")
    assert terminal in session.seed
    assert "{{" not in session.system + session.seed
    assert "{%" not in session.system + session.seed


@pytest.mark.parametrize("name", list(JOBS))
def test_no_prompt_names_a_tool_that_the_agent_does_not_have(tmp_path: Path, name: str) -> None:
    known = {
        tool
        for make in JOBS.values()
        for tool in (*Desk(make(tmp_path)).names, "run_shell", "diagnostics")
    }
    desk = Desk(JOBS[name](tmp_path))
    own = {*desk.names, *(["run_shell"] if name in ("implementer", "fix agent") else [])}
    text = desk.session.system + desk.session.seed
    assert {tool for tool in known if f"`{tool}`" in text} <= own


def test_the_planner_is_told_the_limits_of_a_plan_and_every_closed_choice(tmp_path: Path) -> None:
    system = Desk(plan_job(tmp_path)).session.system
    assert f"{MIN_PLAN_LENGTH} to {MAX_PLAN_LENGTH} characters" in system
    assert f"At most {MAX_TASKS} are taken" in system
    for word in (*AgentType, *VerificationMode):
        assert f"`{word}`" in system


def test_the_implementer_is_told_every_rule_that_can_refuse_its_work(tmp_path: Path) -> None:
    system = " ".join(Desk(implement_job(tmp_path)).session.system.split())
    for part in (
        "`filesModified` must be exactly the paths that differ",
        "both names of a rename",
        "by the ignore rules of the commit you started from",
        "Nested git repositories and links that lead out of the worktree are refused",
        "a command you recorded with exit code 0 has to exit 0 then",
        "after 6 refused claims the attempt ends",
        *(f"`{category}`" for category in DeviationCategory),
    ):
        assert part in system


def test_in_a_shared_tree_nobody_is_told_to_claim_the_files_of_others(tmp_path: Path) -> None:
    """W-15"""
    own = "list those that you changed yourself, and only those"
    shared = " ".join(Desk(implement_job(tmp_path), shared=True).session.system.split())
    alone = " ".join(Desk(implement_job(tmp_path)).session.system.split())
    assert (own in shared, own in alone) == (True, False)
    assert "in worktrees you cannot see" in alone


def test_a_missing_value_is_an_error_and_never_a_gap() -> None:
    with pytest.raises(jinja2.UndefinedError):
        render("greybeard.seed")


def test_budgets_that_are_set_are_announced() -> None:
    text = render(
        "greybeard",
        limits=Limits(turns=5, tokens=9000, usd=1.5),
        shared=False,
        max_invalid=6,
        max_refused=6,
        max_reminders=3,
    )
    assert "5 turns (one message of yours is one turn), 9000 tokens read and" in text
    assert "1.5 USD" in text
