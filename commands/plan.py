"""``dispatch plan [RUN]``: a plan and no more, to be approved, changed, sent back or discarded."""

import json
import os
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from attrs import frozen

from ..fsm.approval import is_about_plan, open_question, proposed
from ..fsm.forecast_words import forecast_data, forecast_words
from ..fsm.lifecycle import WORKING
from ..fsm.plan_words import plan_words
from ..gitops.user_git import locate
from ..policy.forecast import Forecast
from ..policy.plan_gate import gate_plan
from ..state.codec import unstructure
from ..state.colour import Colour
from ..state.config import RaceConfig
from ..state.config_file import load_config
from ..state.document import DOCUMENT, load_run_of
from ..state.enums import RunStatus, Verb
from ..state.errors import DispatchError, ExitCode, UsageError, WaitingForOperator
from ..state.escalation_file import Reply, read_reply
from ..state.pager import show
from ..state.plan_file import plan_path
from ..state.records import Run
from ..state.redact import shown
from ..wiring import prepare_start
from .answer import give_answer
from .folders import runs_folder
from .forecasting import forecast_of
from .run import carry, tell

JSON_VERSION: Final = 1  # of what --json prints; keys are only ever added within one version
_ASK: Final = "[a]pprove, [e]dit, [s]end back, [d]iscard, or [l]ater? "


@frozen(kw_only=True)
class _Shown:
    """A plan as its file says; ``problem`` is why that cannot be carried out."""

    run: Run
    folder: Path
    race: RaceConfig  # who may be raced
    question: str | None  # that waits for the operator's word
    warnings: tuple[str, ...]
    changed: tuple[str, ...] = ()
    problem: str = ""

    @property
    def file(self) -> Path | None:
        """Where the plan may be changed."""
        return plan_path(self.folder, self.question) if self.question else None


def run(args: Namespace) -> int:
    """Have the plan made if there is none, show it, and at a terminal ask what to do with it.

    ``--no-wait``: it is not asked, and waits for a later word.
    """
    known = None if args.name is None else _known(args.repo, args.name)
    if known is None or _is_to_be_planned(*known):
        start = prepare_start(
            args.repo,
            name=args.name,
            spec=args.spec,
            skip_baseline=args.skip_baseline,
            approve_plan=True,
        )
        try:
            status = carry(
                start,
                verbose=args.verbose,
                grace=args.grace,
                wait=False,
                sandboxed=not args.no_sandbox,
                colour=Colour(args.color),
            )
            return tell(start, status, events=False)  # it failed: no plan could be made
        except WaitingForOperator:
            known = start.folder, load_run_of(start.folder)
            if open_question(known[1]) is None:
                raise
    folder, document = known
    if not document.tasks:
        raise UsageError(
            f"Run {document.name} has no plan: it is {document.status}.",
            f"See why: dispatch status {document.name}",
        )
    race = load_config(locate(args.repo).root).race
    if args.edit:
        _edit(_looked_at(folder, document, race))
    found = _looked_at(folder, document, race)
    if args.json:
        print(json.dumps(_as_data(found, forecast_of(found.run, args.repo)), indent=2))
        return ExitCode.DONE
    show(_text(found, args.repo), sys.stdout)
    _say_how(found)
    if found.question and not args.no_wait and sys.stdin.isatty() and sys.stdout.isatty():
        _ask(found, args.repo)
    return ExitCode.DONE


def _known(repo: Path, name: str) -> tuple[Path, Run] | None:
    folder = runs_folder(repo) / name
    return (folder, load_run_of(folder)) if os.path.lexists(folder / DOCUMENT) else None


def _is_to_be_planned(folder: Path, run: Run) -> bool:
    """Whether going on with the run makes a plan, and nothing is carried out."""
    if run.status is not RunStatus.GATING_PLAN:
        return run.status is RunStatus.PLANNING
    about = [each for each in run.escalations if is_about_plan(each)]
    if not about:
        return True
    last = about[-1]
    reply = read_reply(folder, last) if last.answer is None else last.answer
    return getattr(reply, "verb", None) == Verb.RETRY


def _looked_at(folder: Path, run: Run, race: RaceConfig) -> _Shown:
    question = open_question(run)
    waits = question is not None and not isinstance(read_reply(folder, question), Reply)
    if question is None:
        warnings = gate_plan(run.tasks, hub_files=run.hub_files).warnings
        return _Shown(run=run, folder=folder, race=race, question=None, warnings=warnings)
    name = question.id if waits else None
    try:
        planned, warnings, changed = proposed(run, plan_path(folder, question.id), race)
    except DispatchError as error:
        return _Shown(
            run=run, folder=folder, race=race, question=name, warnings=(), problem=str(error)
        )
    return _Shown(
        run=planned, folder=folder, race=race, question=name, warnings=warnings, changed=changed
    )


def _say_how(found: _Shown) -> None:
    name = found.run.name
    if found.problem:
        _say(f"{found.problem}\n  Above is the plan before your changes.")
    if found.changed:
        _say(f"With your changes: {', '.join(found.changed)}.")
    if found.question is None:
        goes_on = f"; to go on: dispatch {name}" if found.run.status in WORKING else ""
        _say(f"Nothing waits for your word here{goes_on or f': the run is {found.run.status}.'}")
        return
    _say(
        f"To approve it: dispatch answer {name} {found.question} continue, then dispatch {name}\n"
        f"  To change it first: dispatch plan {name} --edit, or edit {found.file}\n"
        f"  For another plan: dispatch answer {name} {found.question} retry --note TEXT, "
        f"then dispatch plan {name}\n"
        f"  To discard it: dispatch answer {name} {found.question} abort, or dispatch clean {name}"
    )


def _text(found: _Shown, repo: Path) -> str:
    forecast = "\n".join(forecast_words(forecast_of(found.run, repo)))
    return shown(f"{plan_words(found.run, found.warnings)}\n{forecast}\n")


def _ask(found: _Shown, repo: Path) -> None:
    """Ask until there is a word, or none is wanted."""
    while found.question:
        sys.stderr.write(_ASK)
        sys.stderr.flush()
        word, _, note = sys.stdin.readline().strip().partition(" ")
        match word[:1].lower():
            case "a" if not found.problem:
                return _answer(found, Verb.CONTINUE, note)
            case "a":
                _say(found.problem)
            case "e":
                try:
                    _edit(found)
                except UsageError as error:
                    _say(str(error))
                found = _looked_at(found.folder, load_run_of(found.folder), found.race)
                show(_text(found, repo), sys.stdout)
                if found.problem or found.changed:
                    _say(found.problem or f"With your changes: {', '.join(found.changed)}.")
            case "s":
                sys.stderr.write("What should be different? ")
                sys.stderr.flush()
                return _answer(found, Verb.RETRY, note or sys.stdin.readline().strip())
            case "d":
                return _answer(found, Verb.ABORT, note)
            case "l" | "":
                return None
            case _:
                _say(f"{word!r} is none of these.")
    return None


def _answer(found: _Shown, verb: Verb, note: str) -> None:
    assert found.question is not None  # or nobody was asked
    run = load_run_of(found.folder)
    said = give_answer(run, found.folder, found.question, verb, note)
    again = f"; for the next one: dispatch plan {run.name}" if verb is Verb.RETRY else ""
    _say(f"{said}{again}")


def _edit(found: _Shown) -> None:
    """Open the plan in the user's editor; raises UsageError, also for a plan that cannot be."""
    if found.file is None:
        raise UsageError(
            f"The plan of run {found.run.name} does not wait for your word any more.",
            "A plan can be changed before it is approved.",
        )
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    try:
        words = shlex.split(editor)
        if not words:
            raise UsageError("Neither VISUAL nor EDITOR names an editor.", f"Edit {found.file}")
        code = subprocess.run([*words, str(found.file)], check=False).returncode
    except (OSError, ValueError) as error:
        raise UsageError(f"The editor {editor!r} cannot be started: {error}.") from None
    if code:
        raise UsageError(f"The editor ended with exit code {code}.", f"See {found.file}")
    proposed(load_run_of(found.folder), found.file, found.race)


def _as_data(found: _Shown, forecast: Forecast) -> dict[str, object]:
    run = found.run
    return {
        "version": JSON_VERSION,
        "run": run.name,
        "status": run.status,
        "question": found.question,
        "file": str(found.file) if found.file else None,
        "changed": list(found.changed),
        "problem": found.problem or None,
        "warnings": list(found.warnings),
        "forecast": forecast_data(forecast),
        "verificationMode": run.verification_mode,
        "verificationModeRationale": run.verification_mode_rationale,
        "tasks": [
            {
                "id": task.id,
                "level": task.level,
                "dependsOn": list(task.depends_on),
                "objective": task.objective,
                "agentType": task.agent_type,
                "class": task.task_class,
                "critiqueEnabled": task.critique_enabled,
                "verifyCommands": unstructure(task.verify_commands),
                "planMarkdown": task.plan_markdown,
            }
            for task in run.tasks
        ],
    }


def _say(text: str) -> None:
    print(f"dispatch: {shown(text)}", file=sys.stderr)
