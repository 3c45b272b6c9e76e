"""Runs with much in them: a text in every place that is not ours, and as many tasks as wanted."""

from datetime import datetime, timedelta

from attrs import evolve
from fakes.told_run import STARTED, told_run

from dispatch.state.enums import TaskStatus
from dispatch.state.judgements import CritiqueVerdict
from dispatch.state.records import Run, Task
from dispatch.state.routes import Route


def told_saying(text: str) -> Run:
    """The told run with one text in every place that agents and commands fill."""
    run = told_run()
    good = run.tasks[0]
    assert good.output is not None
    assert good.raced is not None
    entrants = tuple(
        evolve(each, model=text, message=each.message and text) for each in good.raced.entrants
    )
    first = evolve(
        good,
        objective=text,
        plan_markdown=text,
        output=evolve(good.output, summary=text, notes=text),
        raced=evolve(good.raced, entrants=entrants),
        critique_verdicts=tuple(_saying(each, text) for each in good.critique_verdicts),
        attempts=tuple(evolve(each, model=text, message=text) for each in good.attempts),
    )
    assert run.failure is not None
    return evolve(
        run,
        spec_path=text,
        base_branch=text,
        integration_branch=text,
        paused=text,
        failure=evolve(run.failure, message=text),
        verification_mode_rationale=text,
        escalations=tuple(evolve(each, question=text, reason=text) for each in run.escalations),
        history=tuple(evolve(each, reason=text) for each in run.history),
        routes=tuple(_routed(each, text) for each in run.routes),
        tasks=(first, *run.tasks[1:]),
    )


def big_run(count: int, text: str) -> Run:
    """Ten tasks a level, each after all of the level before; every one with all that is told."""
    told = told_saying(text)
    first = told.tasks[0]
    tasks = list[Task]()
    for number in range(count):
        level = 1 + number // 10
        before = tuple(each.id for each in tasks if each.level == level - 1)
        name = f"{level}{chr(97 + number % 10)}-task"
        own = tuple(
            evolve(
                each,
                id=f"{name}.{each.role}.{turn}",
                model="some/model",
                started_at=_at(number * 3500 // count + turn * 40),
                ended_at=_at(number * 3500 // count + turn * 40 + 30),
            )
            for each in first.attempts
            for turn in range(4)
        )
        tasks.append(
            evolve(
                first,
                id=name,
                level=level,
                depends_on=before,
                commit_sha=f"{number:040x}",
                attempts=own,
                status=TaskStatus.FAILED if number % 9 == 8 else TaskStatus.COMPLETED,
            )
        )
    return evolve(told, tasks=tuple(tasks))


def _saying(verdict: CritiqueVerdict, text: str) -> CritiqueVerdict:
    return evolve(
        verdict, findings=tuple(evolve(each, description=text) for each in verdict.findings)
    )


def _routed(route: Route, text: str) -> Route:
    candidates = tuple(
        evolve(each, model=text, executor=text, basis=text, problem=each.problem and text)
        for each in route.candidates
    )
    return evolve(route, model=text, executor=text, reason=text, candidates=candidates)


def _at(seconds: int) -> str:
    began = datetime.fromisoformat(STARTED)
    return (began + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
