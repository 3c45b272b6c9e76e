"""``dispatch init``: a configuration and a spec to start from, made to fit the repository."""

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..gitops.user_git import locate
from ..state.config_file import CONFIG_FILE, SCHEMA_FILE, UNFILLED_GATE
from ..state.errors import ExitCode
from ..state.spec_file import SPEC, UNFILLED_SPEC
from .build_gate import Gate, likely_gates
from .json_output import print_json
from .schema import schema_text

# The key's variable, then a model for judging and a model for working; the first key set wins.
MODELS: Final[Mapping[str, tuple[str, str]]] = {
    "ANTHROPIC_API_KEY": ("anthropic/claude-opus-5-5", "anthropic/claude-sonnet-5-5"),
    "OPENAI_API_KEY": ("openai/gpt-5.6", "openai/gpt-5.6-terra"),
    "GEMINI_API_KEY": ("gemini/gemini-3.1-pro-preview", "gemini/gemini-3.8-flash"),
    "MISTRAL_API_KEY": ("mistral/mistral-large-4", "mistral/devstral-medium-latest"),
    "DEEPSEEK_API_KEY": ("deepseek/deepseek-v4-pro", "deepseek/deepseek-v4-flash"),
}
JUDGES: Final = ("planner", "gateCritic", "greybeard")
WORKERS: Final = ("implementer", "critic", "attribution", "fixAgent")


def run(args: Namespace) -> int:
    """Write the files that are missing and print their paths; nothing is ever overwritten."""
    root = locate(args.repo).root
    gates = likely_gates(root)
    files = {
        CONFIG_FILE: config_text(gates, os.environ),
        SCHEMA_FILE: f"{schema_text()}\n",
        SPEC: UNFILLED_SPEC,
    }
    written = [name for name, text in files.items() if _write_new(root / name, text)]
    paths = [str(root / name) for name in written]
    if args.json:
        print_json(written=paths, buildGate=[each for gate in gates for each in gate.commands])
    elif paths:
        print("\n".join(paths))
    if CONFIG_FILE in written and not gates:
        _say("no build gate was recognised: fill in buildGate before a run.")
    _say("look at the files, then `dispatch doctor` says what is missing.")
    return ExitCode.DONE


def config_text(gates: Sequence[Gate], environ: Mapping[str, str]) -> str:
    """The configuration with its comments; a pure function of what was found."""
    return "\n".join((*_HEAD, *_gate(gates), *_models(environ), *_TAIL)) + "\n"


def _gate(gates: Sequence[Gate]) -> Iterable[str]:
    yield "# Commands that must succeed for the tree to be good. They run in fresh worktrees:"
    yield "# before the first change (the baseline), on each submission and at the end."
    yield "buildGate:"
    for gate in gates:
        yield f"  # from {gate.source}"
        yield from (f"  - {json.dumps(command)}" for command in gate.commands)
    if not gates:
        yield f"  - {json.dumps(UNFILLED_GATE)}"
    yield ""
    yield "# Run in each new worktree before anything else; must leave nothing that git would show."
    setup = [command for gate in gates for command in gate.setup]
    if setup:
        yield "setup:"
        yield from (f"  - {json.dumps(command)}" for command in setup)
    else:
        yield "# setup:"
        yield "#   - make dependencies"
    yield ""
    yield "# Ignored paths that are copied from here into each new worktree."
    yield "# share:"
    yield "#   - node_modules"
    yield ""
    yield "# Files that many tasks change. union: the lines of both sides are kept; regenerate: the"
    yield "# command makes the file anew; serialise: tasks that change it work one after the other."
    yield "# hubFiles:"
    yield "#   - {glob: CHANGELOG.md, strategy: union}"
    yield "#   - glob: package-lock.json"
    yield "#     strategy: regenerate"
    yield "#     command: npm install --package-lock-only"
    yield "#   - {glob: src/registry.py, strategy: serialise}"
    yield ""


def _models(environ: Mapping[str, str]) -> Iterable[str]:
    known = [name for name in MODELS if environ.get(name)]
    chosen = known[0] if known else next(iter(MODELS))
    judge, worker = MODELS[chosen]
    yield "# The model of each role, by litellm's names."
    if known:
        yield f"# Chosen because {chosen} is set."
    else:
        yield "# None of the usual key variables is set: choose one of these, and set its variable."
    yield from (
        f"#   {name}: {' and '.join(models)}" for name, models in MODELS.items() if name != chosen
    )
    yield "modelConfig:"
    yield from (f"  {role}: {judge}" for role in JUDGES)
    yield from (f"  {role}: {worker}" for role in WORKERS)
    yield ""


def _write_new(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        _say(f"{path} is there already and was left as it is.")
        return False
    return True


def _say(sentence: str) -> None:
    print(f"dispatch: {sentence}", file=sys.stderr)


_HEAD: Final = (
    f"# yaml-language-server: $schema={SCHEMA_FILE}",
    "# How dispatch works on this repository; all keys: `dispatch schema --format md`.",
    "",
)
_TAIL: Final = (
    "# A compatible endpoint instead: the names above are then the endpoint's own.",
    "# provider:",
    "#   baseURL: https://models.example.org/v1",
    "#   adapter: openai            # or anthropic",
    "#   apiKeyEnv: OPENCODE_API_KEY",
    "",
    "# How many agents work at a time.",
    "# maxParallel: 8",
    "",
    "# What one attempt of an agent may use.",
    "# limits:",
    "#   turns: 120",
    "#   usd: 5",
    "#   wallSeconds: 3600",
    "",
    "# What all attempts of a task, and the run as a whole, may use. When a cap of the run is",
    "# reached it stops with exit code 4; started again with a higher one it goes on.",
    "# taskLimits:",
    "#   usd: 10",
    "# runLimits:",
    "#   usd: 100",
    "#   wallSeconds: 36000",
    "",
    "# Models that take over when a role's own does not answer, in this order.",
    "# fallback:",
    "#   implementer: [openai/gpt-5.6-terra]",
    "",
    "# Who carries out a role's attempts instead of our own loop, see docs/delegation.md.",
    "# executors:",
    "#   implementer: codex",
    "# What implementers of one type get instead.",
    "# agentTypes:",
    "#   intern: {executor: litellm, model: openai/gpt-5.6-terra}",
    "",
    "# How long a spent allowance is waited for when the provider says until when.",
    "# maxQuotaWaitSeconds: 21600",
    "",
    "# Who else could do a role's work. `dispatch route` gives advice from your past runs; it is",
    "# carried out with `routing: auto` in your own ~/.config/dispatch/config.yaml.",
    "# candidates:",
    "#   implementer: [{model: openai/gpt-5.6-terra}]",
    "",
    "# Tasks that several implementers carry out at once; the best work is taken, all is paid.",
    "# race: {n: 2, classes: [bugfix], executors: [{model: openai/gpt-5.6-terra}]}",
    "",
    "# Language servers on your PATH tell agents of errors after each edit. In your own",
    "# ~/.config/dispatch/config.yaml you may name others, or turn it off:",
    "# languageServers: {find: false}",
)
