"""``dispatch route [RUN]``: who should do which work by past runs; on request, it is done."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ..advising import PastAdvisor
from ..agents.delegated.choosing import executors_of, way_of
from ..fsm.fold import task_named
from ..fsm.report_routes import numbers, work_words
from ..gitops.user_git import locate
from ..policy.experience import kind_of
from ..policy.routes import route_of, with_route
from ..state.clean_text import clean
from ..state.clock import SystemClock
from ..state.codec import unstructure
from ..state.config import Config
from ..state.config_file import load_config
from ..state.document_store import DocumentStore
from ..state.enums import Role, RouteLabel, RunStatus
from ..state.errors import ExitCode, UsageError
from ..state.lock import hold
from ..state.records import Run, Task
from ..state.redact import redactor_of, shown
from ..state.routes import Route, WorkKind
from .folders import folder_of, open_run

JSON_VERSION: Final = 1
_OF_TASKS: Final = (Role.IMPLEMENTER, Role.CRITIC, Role.GREYBEARD, Role.FIX_AGENT)


def run(args: Namespace) -> int:
    """Print the advice with its numbers; with ``--execute`` write it into the run's document."""
    if args.name is None and (args.execute or args.task is not None):
        which = "--execute" if args.execute else "--task"
        raise UsageError(f"{which} needs the run that it is about.", "See `dispatch route --help`")
    config = load_config(locate(args.repo).root)
    document = None if args.name is None else open_run(args.repo, args.name)[1]
    kinds = _kinds(args, document)
    advisor = PastAdvisor.of(config, os.environ, _say)
    now = SystemClock(os.environ).now()
    routes = tuple(_route(advisor, config, kind, args.task, now) for kind in kinds)
    if args.json:
        data = {"version": JSON_VERSION, "run": args.name, "advice": unstructure(routes)}
        print(json.dumps(data, indent=2))
    else:
        print("\n".join(clean(line) for route in routes for line in _lines(route)))
    if args.execute:
        _execute(args.repo, args.name, config, routes, now)
    return ExitCode.DONE


def _kinds(args: Namespace, document: Run | None) -> tuple[WorkKind, ...]:
    """What is asked about; of a run, the kinds of work that its tasks are."""
    if args.task is not None:
        assert document is not None
        return (kind_of(Role.IMPLEMENTER, task_named(document, args.task)),)
    roles = tuple(Role) if args.role is None else (Role(args.role),)
    tasks = () if document is None else document.tasks
    return tuple(
        dict.fromkeys(
            kind
            for role in roles
            for kind in (
                [kind_of(role, task) for task in sorted(tasks, key=_kind_order)]
                if tasks and role in _OF_TASKS
                else [WorkKind(role=role)]
            )
        )
    )


def _kind_order(task: Task) -> tuple[str, str]:
    return task.agent_type, task.task_class


def _route(
    advisor: PastAdvisor, config: Config, kind: WorkKind, task_id: str | None, now: str
) -> Route:
    configured = way_of(config, executors_of(config), kind.role, kind.agent_type)
    advice = advisor.advise(kind, configured)
    return route_of(kind, advice, at=now, carried_out=True, ordered=True, task_id=task_id)


def _lines(route: Route) -> Iterator[str]:
    of = f", task {route.task_id}" if route.task_id else ""
    yield f"{work_words(route)}{of}: {route.label}"
    yield f"  {route.model} through {route.executor}"
    yield f"  because {route.reason}"
    for each in route.candidates:
        yield f"  - {each.model} through {each.executor}: {numbers(each)}"


def _execute(repo: Path, name: str, config: Config, routes: Sequence[Route], now: str) -> None:
    """Have the run follow the advice from its next attempts on; it must not be at work."""
    invalid = [work_words(each) for each in routes if each.label is RouteLabel.INVALID]
    if invalid:
        raise UsageError(
            f"For {'; '.join(invalid)} there is nobody who can work, so nothing was changed.",
            "Put right what the list names, or ask for another role.",
        )
    folder = folder_of(repo, name)
    with hold(folder, now):
        store = DocumentStore.open(folder, redactor_of(config))
        if store.run.status is RunStatus.DONE:
            raise UsageError(f"Run {name} is done: nobody works on it any more.")

        def order(document: Run) -> Run:
            for route in routes:
                document = with_route(document, route)
            return document

        store.update(order)
    _say(f"from its next attempts on run {name} does so; continue it: dispatch {name}")


def _say(sentence: str) -> None:
    print(f"dispatch: {shown(sentence)}", file=sys.stderr)
