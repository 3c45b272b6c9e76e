"""The composition root: configuration in, ports out; the only place that knows everyone."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, TextIO

from attrs import evolve, frozen

from .advising import PastAdvisor
from .agents.executors.litellm_client import known_model, known_price, missing_key
from .agents.executors.scripted_client import script_path
from .agents.runner import AgentRunner
from .agents.scripted.script_file import read_script
from .confining import (
    Confining,
    command_runner,
    confined,
    confinement_of,
    require_hosts,
    scratch_of,
)
from .delegating import own_models, require_executors
from .fsm.lifecycle import WORKING
from .fsm.ports import Agents, Commands, Ports, Repository, Store
from .gitops.store import RunRepository
from .gitops.target import Target, open_target
from .policy.ledger import account, attempts_of
from .policy.names import RESERVED_NAMES, default_run_name, run_name_problems
from .state.clock import SystemClock
from .state.config import Config, Limits
from .state.config_file import CONFIG_FILE, SCHEMA_FILE, UNFILLED_GATE, load_config
from .state.disk import disk_errors
from .state.document import DOCUMENT, load_run_of
from .state.document_store import DocumentStore
from .state.durable import make_folder, write_text_atomic
from .state.enums import RoutingMode, RunStatus
from .state.errors import LockedError, RefMoved, UsageError
from .state.journal import EventJournal
from .state.operator_channel import OperatorChannel
from .state.picture import Picture
from .state.records import Identity, Run
from .state.redact import redactor_of
from .state.spec_file import SPEC, UNFILLED_SPEC, read_spec
from .state.streams import Stream
from .state.terminal import Terminal

RUNS_FOLDER: Final = "dispatch"
MAX_NAMED_CHANGES: Final = 5
PRIVATE: Final = 0o700


@frozen(kw_only=True)
class Start:
    """A run that may begin or go on: everything that can be refused was looked at."""

    target: Target
    config: Config
    name: str
    folder: Path
    spec_path: str
    spec_text: str
    skip_baseline: bool
    approve_plan: bool
    is_new: bool
    warnings: tuple[str, ...]
    clock: SystemClock

    def open_store(self, confining: Confining) -> DocumentStore:
        """The run's document, made when the run is new; the caller holds the run's lock.

        Raises LockedError when another process began the run after this one had looked.
        """
        if self.is_new and (self.folder / DOCUMENT).exists():
            raise LockedError(
                f"Another process began run {self.name} a moment ago.",
                f"To go on with it: dispatch {self.name}",
            )
        if not self.is_new:
            store = DocumentStore.open(self.folder, redactor_of(self.config))
            store.update(lambda run: confined(self._as_asked(run), self.config, confining))
            return store
        # A copy, so that an interrupted run goes on with the spec that it began with.
        write_text_atomic(self.folder / SPEC, redactor_of(self.config).text(self.spec_text))
        identity = self.target.identity()
        return DocumentStore.create(
            self.folder,
            Run(
                name=self.name,
                spec_path=self.spec_path,
                target_repo_path=str(self.target.root),
                integration_branch=branch_of(self.name),
                base_commit=self.target.head,
                base_branch=self.target.branch,
                isolation=self.config.isolation,
                identity=Identity(
                    name=self.config.author_name or identity.name,
                    email=self.config.author_email or identity.email,
                ),
                build_gate=self.config.build_gate,
                setup=self.config.setup,
                share=self.config.share,
                hub_files=self.config.hub_files,
                sandboxes=(confinement_of(self.config, confining),),
                created_at=self.clock.now(),
                skip_baseline=self.skip_baseline,
                approve_plan=self.approve_plan,
                # A branch that is there already stands at HEAD: see ``_require_no_other_branch``.
                published_commit=self.target.branch_tip(branch_of(self.name)),
                run_limits=self.config.run_limits,
                task_limits=self.config.task_limits,
            ),
            redactor_of(self.config),
        )

    def _as_asked(self, run: Run) -> Run:
        """The run with the caps as they are configured now: that is how one is raised.

        A plan that is to be approved stays so.
        """
        caps = (self.config.run_limits, self.config.task_limits)
        asks = run.approve_plan or self.approve_plan
        if (run.run_limits, run.task_limits, run.approve_plan) == (*caps, asks):
            return run
        return evolve(run, run_limits=caps[0], task_limits=caps[1], approve_plan=asks)


def branch_of(name: str) -> str:
    """The integration branch of a run."""
    return f"dispatch/{name}"


def prepare_start(
    repo: Path,
    *,
    name: str | None,
    spec: Path | None,
    skip_baseline: bool,
    again: bool = False,
    approve_plan: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> Start:
    """Look at everything that can be refused, before anything is made.

    ``again``: a run that failed is to go on; ``approve_plan``: the operator is asked about its plan
    before it is carried out.  Raises UsageError or ConfigError with what is wrong.
    """
    clock = SystemClock(environ)
    target = open_target(repo)
    config = load_config(target.root)
    require_hosts(config.sandbox)
    name = default_run_name(clock.now()) if name is None else name
    if problems := run_name_problems(name, RESERVED_NAMES):
        raise UsageError(problems[0], "Choose another name.")
    folder = target.root / RUNS_FOLDER / name
    is_new = not os.path.lexists(folder / DOCUMENT)  # a link to nothing is no new run
    if is_new:
        spec_path = target.root / SPEC if spec is None else spec
        spec_text = read_spec(spec_path)
        _require_filled_in(config, spec_path, spec_text)
        _require_free_branch(target, name)
    else:
        spec_path = folder / SPEC
        spec_text = read_spec(spec_path)
    known = None if is_new else load_run_of(folder)
    goes_on = (*WORKING, RunStatus.FAILED) if again else WORKING
    if known is None or known.status in goes_on:
        _require_models(config, environ)
        require_executors(config, environ)
        _require_prices(config)
        _require_known_costs(config, known)
    return Start(
        target=target,
        config=config,
        name=name,
        folder=folder,
        spec_path=str(spec_path),
        spec_text=spec_text,
        skip_baseline=skip_baseline,
        approve_plan=approve_plan,
        is_new=is_new,
        warnings=(*target.warnings, *(_uncommitted(target, spec_path) if is_new else ())),
        clock=clock,
    )


def make_run_folder(start: Start) -> None:
    """Make the run's folder, its owner's alone, and git ignore it; a repetition changes nothing."""
    start.target.exclude_run_folder()
    make_folder(start.folder)
    with disk_errors(start.folder):
        start.folder.chmod(PRIVATE)  # it holds what agents read and said, under many names


@contextlib.asynccontextmanager
async def open_ports(
    start: Start,
    store: Store,
    confining: Confining,
    *,
    keyboard: TextIO | None,
    stream: Picture,
    verbose: bool,
    wait: bool = True,
    echo: Stream | None = None,
    coloured: bool = False,
) -> AsyncIterator[Ports]:
    """Everything a run needs, given back at the end; ``wait``: for answers of the operator.

    ``echo`` gets each event as a line.

    Where he sits at ``keyboard`` and sees ``stream``, he is asked there.
    """
    terminal = None
    if keyboard is not None and keyboard.isatty() and stream.isatty():
        terminal = Terminal(stream, keyboard.fileno(), stream.aside)
    shown: Stream = terminal or stream
    redactor = redactor_of(start.config)
    journal = EventJournal(
        start.folder,
        stream=shown,
        now=start.clock.now,
        redactor=redactor,
        echo=echo,
        coloured=coloured,
    )
    with scratch_of(start.folder) as scratch:
        repository = RunRepository(start.target.root, start.folder, start.name)
        runner = command_runner(start.config, start.folder, confining, scratch, repository.shadow)
        agents = AgentRunner(
            config=start.config,
            journal=journal,
            commands=runner,
            environ=os.environ,
            verbose=verbose,
            redactor=redactor,
        )
        operator = OperatorChannel(
            start.folder,
            stream=shown,
            now=start.clock.now,
            terminal=terminal,
            wait=wait,
            timeout_seconds=start.config.escalation_timeout_seconds,
            notify=start.config.notify,
            redactor=redactor,
        )
        advisor = PastAdvisor.of(
            start.config,
            os.environ,
            partial(journal.line, "run"),
            reaches_hosts=confining.choice.launcher.reaches_hosts,
        )
        as_repository: Repository = repository
        as_agents: Agents = agents
        as_commands: Commands = runner
        try:
            yield Ports(
                store=store,
                agents=as_agents,
                repository=as_repository,
                commands=as_commands,
                operator=operator,
                journal=journal,
                clock=start.clock,
                config=start.config,
                folder=start.folder,
                spec_text=start.spec_text,
                redactor=redactor,
                advisor=None if start.config.routing is RoutingMode.OFF else advisor,
            )
        finally:
            await agents.aclose()
            await asyncio.to_thread(runner.close)
            await asyncio.to_thread(operator.close)
            journal.close()


def _require_filled_in(config: Config, path: Path, spec_text: str) -> None:
    """Agents would be paid for work that nobody asked for, or that nothing can be held to."""
    if spec_text == UNFILLED_SPEC:
        raise UsageError(
            f"The spec {path} is as `dispatch init` wrote it.", "Write into it what is to be done."
        )
    if UNFILLED_GATE in config.build_gate:
        raise UsageError(
            "buildGate in dispatch-config.yaml is not filled in yet.",
            "Name the commands that must succeed for the tree to be good, such as `make test`.",
        )


def _require_free_branch(target: Target, name: str) -> None:
    branch = branch_of(name)
    try:
        target.reuses_branch(branch, target.head)
    except RefMoved as error:
        raise UsageError(error.message, error.hint) from None
    at = target.checked_out_at(branch)
    if at is not None:
        raise UsageError(
            f"Branch {branch} is checked out at {at}, where it must not move.",
            "Check out another branch there, or give the run another name.",
        )


def _require_models(config: Config, environ: Mapping[str, str]) -> None:
    """A slip in the name of a late role's model must not show after the early ones were paid."""
    for model, roles in own_models(config).items():
        script = script_path(model)
        if script is not None:
            read_script(script)
            continue
        if not known_model(model, config.provider):
            raise UsageError(
                f"Nobody is known to offer the model {model} (used by {', '.join(roles)}).",
                "Write it as litellm does, such as anthropic/NAME, or configure a provider.",
            )
        name = missing_key(model, config.provider, environ)
        if name is not None:
            at = f" at {config.provider.base_url}" if config.provider is not None else ""
            raise UsageError(
                f"No key for {model}{at} (used by {', '.join(roles)}): "
                f"the environment variable {name} is not set.",
                f"Set {name} and start again.",
            )


def _require_prices(config: Config) -> None:
    """A limit in money that nothing could be counted against would be no limit."""
    keys = _limits_in_money(config)
    if not keys:
        return
    for model, roles in own_models(config).items():
        if script_path(model) is None and not known_price(model, config.provider, config.prices):
            raise UsageError(
                f"The price of {model} (used by {', '.join(roles)}) is not known, so {keys} "
                "could not be kept.",
                f"State the price below prices in the configuration, or remove {keys}.",
            )


def _require_known_costs(config: Config, run: Run | None) -> None:
    """Nor can a cap be kept when nobody knows what was spent before it was set."""
    caps = (config.run_limits.usd, config.task_limits.usd)
    if run is None or caps == (None, None):
        return
    unpriced = account(attempts_of(run)).unpriced
    if unpriced:
        keys = _limits_in_money(evolve(config, limits=Limits()))
        raise UsageError(
            f"What {unpriced[0]} cost is not known, so {keys} could not be kept for this run.",
            f"Remove {keys}, or set caps on turns or tokens instead.",
        )


def _limits_in_money(config: Config) -> str:
    limits = {
        "limits.usd": config.limits.usd,
        "taskLimits.usd": config.task_limits.usd,
        "runLimits.usd": config.run_limits.usd,
    }
    return " and ".join(key for key, usd in limits.items() if usd is not None)


def _uncommitted(target: Target, spec: Path) -> tuple[str, ...]:
    # Read as they are, or by editors only.
    ours = {target.root / CONFIG_FILE, target.root / SCHEMA_FILE, spec.absolute()}
    paths = [each for each in target.uncommitted() if target.root / each not in ours]
    if not paths:
        return ()
    more = len(paths) - MAX_NAMED_CHANGES
    named = ", ".join(paths[:MAX_NAMED_CHANGES]) + (f" and {more} more" if more > 0 else "")
    return (f"The run starts from {target.head[:12]}; uncommitted changes are not taken: {named}.",)
