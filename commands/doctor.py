"""``dispatch doctor``: whether this machine and repository have what a run needs, line by line."""

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final

from attrs import frozen

from ..agents.delegated.choosing import executors_of
from ..agents.executors.litellm_client import known_model, missing_key
from ..agents.executors.scripted_client import script_path
from ..agents.language.known import servers_here
from ..agents.sandbox.tiers import INSTALL, tried
from ..agents.sandbox.toolchains import described
from ..agents.tools.beneath import openat2_works
from ..confining import toolchains_of
from ..delegating import delegated_in, own_models, problems_of
from ..gitops.program import OLDEST_GIT, check_git_version, git
from ..gitops.target import open_target
from ..gitops.user_git import locate
from ..state.codec import unstructure
from ..state.config import LanguageServer
from ..state.config_file import UNFILLED_GATE, load_config
from ..state.durable import sync_method
from ..state.errors import DispatchError, ExitCode
from ..state.lock import holder
from ..state.redact import shown
from .folders import run_names, runs_folder
from .json_output import print_json

MIN_FREE_BYTES: Final = 1024**3  # worktrees and logs of a small run; a large one says so itself


class Result(StrEnum):
    """What a line of the examination comes to; only ``missing`` keeps a run from starting."""

    OK = "ok"
    NOTE = "note"
    MISSING = "missing"


@frozen
class Check:
    """One thing that was looked at."""

    name: str
    result: Result
    text: str


def run(args: Namespace) -> int:
    """Print what was looked at; exit code 1 when something that a run needs is missing."""
    checks = examine(args.repo, os.environ)
    healthy = all(each.result is not Result.MISSING for each in checks)
    if args.json:
        print_json(ok=healthy, checks=unstructure(checks))
    else:
        width = max(len(each.name) for each in checks)
        for each in checks:
            text = shown(each.text).replace("\n", "\n" + " " * (width + 11))
            print(f"{each.result:<7}  {each.name:<{width}}  {text}")
    return ExitCode.DONE if healthy else ExitCode.FAILED


def examine(repo: Path, environ: Mapping[str, str]) -> tuple[Check, ...]:
    """Everything that can be looked at without making anything; keys are never shown."""
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", _python),
        ("git", _git),
        ("repository", lambda: _repository(repo)),
        ("configuration", lambda: _config(repo, environ)),
        ("runs", lambda: _runs(repo)),
        ("disk", lambda: _disk(repo)),
        ("kernel", _kernel),
        ("sandbox", _sandbox),
        ("graphviz", _graphviz),
    )
    return tuple(check for name, look in looks for check in _guarded(name, look))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from look()
    except DispatchError as error:
        yield Check(name, Result.MISSING, str(error))


def _python() -> Iterator[Check]:
    number = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", Result.OK, f"{number}, litellm {version('litellm')}")


def _git() -> Iterator[Check]:
    check_git_version()
    said = git(None, "version").stdout.decode("utf-8", "replace").strip()
    oldest = ".".join(map(str, OLDEST_GIT))
    yield Check(
        "git", Result.OK, f"{said}; from {oldest} on it has the worktrees and merge-tree we need"
    )


def _repository(repo: Path) -> Iterator[Check]:
    target = open_target(repo)
    yield Check("repository", Result.OK, f"{target.root} at {target.head[:12]}")
    yield from (Check("repository", Result.NOTE, warning) for warning in target.warnings)


def _config(repo: Path, environ: Mapping[str, str]) -> Iterator[Check]:
    root = locate(repo).root
    config = load_config(root)
    gate = ", ".join(config.build_gate)
    if UNFILLED_GATE in config.build_gate:
        yield Check("configuration", Result.MISSING, "buildGate is not filled in yet")
    else:
        yield Check("configuration", Result.OK, f"readable; the build gate: {gate}")
    for model in sorted(own_models(config)):
        if script_path(model) is None and not known_model(model, config.provider):
            yield Check("model", Result.MISSING, f"nobody is known to offer {model}")
            continue
        missing = None if script_path(model) else missing_key(model, config.provider, environ)
        if missing is None:
            yield Check("key", Result.OK, f"for {model}: there")
        else:
            yield Check("key", Result.MISSING, f"for {model}: set the variable {missing}")
    executors = executors_of(config)
    for each in delegated_in(config, executors):
        problems = list(problems_of(each, config, executors, environ))
        for problem in problems:
            yield Check("executor", Result.MISSING, f"{problem.message} {problem.hint}")
        if not problems:
            yield Check("executor", Result.OK, f"{each.name} with {each.model}: there")
    found = toolchains_of(config, root, runs_folder(repo))
    for line in described(found):
        yield Check("toolchains", Result.OK, line)
    yield from _language_servers(servers_here(config.language_servers, found.finds))


def _language_servers(found: Mapping[str, LanguageServer]) -> Iterator[Check]:
    name = "languages"
    for server in dict.fromkeys(found.values()):
        suffixes = " ".join(suffix for suffix, each in found.items() if each == server)
        yield Check(
            name, Result.OK, f"{' '.join(server.argv)} tells agents of errors in {suffixes}"
        )
    if not found:
        yield Check(name, Result.NOTE, "none; agents hear of errors from builds and tests only")


def _runs(repo: Path) -> Iterator[Check]:
    folder = runs_folder(repo)
    for name in run_names(folder):
        live = holder(folder / name)
        if live is not None:
            yield Check("runs", Result.NOTE, f"{name} is in the hands of {live}")


def _disk(repo: Path) -> Iterator[Check]:
    free = shutil.disk_usage(repo).free
    enough = free >= MIN_FREE_BYTES
    text = f"{free / 1024**3:.1f} GiB free"
    if not enough:
        text += f"; a run wants {MIN_FREE_BYTES // 1024**3} GiB at the least"
    yield Check("disk", Result.OK if enough else Result.MISSING, text)


def _kernel() -> Iterator[Check]:
    how = "openat2" if openat2_works() else "a walk by descriptors, because openat2 is not there"
    yield Check("kernel", Result.OK, f"paths are held beneath their tree by {how}")
    yield Check("kernel", Result.OK, f"documents reach the disk by {sync_method()}")


def _sandbox() -> Iterator[Check]:
    """Every tier is tried with the probe, so that what is told was seen to hold."""
    found = tuple(tried())
    taken = next((each for each in found if each.launcher is not None), None)
    for each in found:
        if each.launcher is not None:
            yield Check("sandbox", Result.OK, f"{each.tier}: the probe could not get out of it")
        else:
            result = Result.NOTE if taken is not None else Result.MISSING
            yield Check("sandbox", result, f"{each.tier} does not hold here: {each.reason}")
    if taken is None:
        yield Check("sandbox", Result.MISSING, INSTALL)
    elif taken is not found[0]:
        yield Check("sandbox", Result.NOTE, f"runs are reduced to {taken.tier}. {INSTALL}")


def _graphviz() -> Iterator[Check]:
    dot = shutil.which("dot")
    if dot is None:
        text = "not installed; only `dispatch graph --format svg` and png need it"
        yield Check("graphviz", Result.NOTE, text)
    else:
        yield Check("graphviz", Result.OK, dot)
