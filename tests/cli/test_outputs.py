"""What every verb prints: stdout, stderr and exit code, against the files in ``outputs/``.

There is one file for each verb, and ``help`` for the command line itself.  After a change that is
meant, write them anew and read the difference as a user would:

    RENEW=1 pytest tests/cli/test_outputs.py; git diff tests/cli/outputs
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import unified_diff
from pathlib import Path
from typing import Final

from fakes.asking_run import asking
from fakes.child_program import Ended, Program, normal
from fakes.git_repos import User, a_user

from dispatch.commands.command_line import VERBS

OUTPUTS: Final = Path(__file__).with_name("outputs")
RENEW: Final = "RENEW"
HELP: Final = "help"
AT_ONCE: Final = 4
MAX_LINES: Final = 120  # of one stream; what a script for a shell says is enough by then

# The story of a repository: command lines that neither need nor disturb one another, then the next
# ones; two that take one run's lock would.
STORY: Final = (
    (
        "run done --no-wait",
        "run broken --no-wait",
        "run waiting --no-wait",
        "plan planned --skip-baseline",
        "demo",
        "init",
        "completion bash",
        "schema",
        "mcp",
        "--help",
        "statsu",
        "status --verbose",
        "run Wrong",
        "run new --dry-run",
    ),
    (
        "answer waiting",
        "answer waiting 1b-x-dev-1 perhaps",
        "answer done 1b-x-dev-1 continue --note 'Short is good.'",
        "answer broken 1b-x-dev-1 fail-task",
        "init --json",
        "doctor",
        "plan planned --json",
        "run planned --dry-run",
        "run planned --dry-run --json",
    ),
    ("run done", "run broken", "answer planned"),
    (
        "status",
        "status nobody",
        "status waiting",
        "status done",
        "status broken",
        "answer done",
        "logs waiting",
        "logs broken --task 1b-x",
        "logs done --json --since 50",
        "attach done",
        "attach waiting",
        "report done",
        "report waiting",
        "report broken --format md",
        "route --role planner",
        "route done --json --task 1a-w",
        "graph --run waiting",
        "graph --json --machine task",
        "rescue broken",
        "rescue done --json",
        "rescue broken --restore 1b-x --to kept",
        "diff done",
        "diff done --stat",
        "diff done --task 1b-x --json",
        "diff planned",
        "pr done",
        "pr done --create",
        "pr broken",
        "plan planned --edit",
        "stop waiting",
        "stop done --json",
        "export done",
        "clean",
    ),
    ("retry broken --no-wait", "retry done", "teardown waiting", "clean planned --json"),
    ("clean done",),
    ("clean --all --force",),
)
FRESH: Final = ("init", "doctor")  # in a repository that has nothing of ours yet

# The demonstration's repository begins when it is shown, so none of its commits has a fixed name.
_OF_NOW: Final = "demo"
_HASH: Final = re.compile(r"\b[0-9a-f]{7,40}\b")
# What of ``doctor`` is about the machine.
_OF_THE_MACHINE: Final = "python|git|toolchains|languages|disk|kernel|sandbox|graphviz"
_MASKS: Final = (
    # The baseline is made beside the planner: its lines may stand anywhere.
    (re.compile(r"(?m)^.*(?:\[build baseline\]|log[ =]builds/baseline/).*\n"), ""),
    (re.compile(r"(?m)^ +\d+(?=  <TIME>)"), "<SEQ>"),
    (re.compile(r"(process[= ])\d+"), r"\1<PROCESS>"),
    (re.compile(r"((?:\bs|activeS)econds(?:=| |\": ?))\d[\d.e-]*"), r"\1<SECONDS>"),
    (re.compile(r"(refs/notes/\S+ at )\w+"), r"\1<NOTES>"),  # they hold times
    (re.compile(r"dispatch-demo-\w+"), "dispatch-demo-<RANDOM>"),
    (re.compile(rf"(?m)^(?:ok|note|missing) +(?:{_OF_THE_MACHINE}) .*\n"), ""),
    (re.compile(r"(?m)^dispatch: warning: the sandbox is .*\n"), ""),
    (re.compile(r"(?m)^(- Sandbox: ).*$"), r"\1<SANDBOX>"),
    (re.compile(r"(?m)^(more: man dispatch, man dispatch-config).*$"), r"\1"),
)


def test_every_verb_has_its_outputs() -> None:
    told = {_file_of(line) for stage in STORY for line in stage}
    assert told == {HELP, *(verb.name for verb in VERBS)}
    assert {path.stem for path in OUTPUTS.iterdir()} == told


def test_each_verb_prints_what_it_printed_before(tmp_path: Path) -> None:
    said = _said(tmp_path)
    if os.environ.get(RENEW):
        OUTPUTS.mkdir(exist_ok=True)
        for name, text in said.items():
            (OUTPUTS / f"{name}.txt").write_text(text, encoding="utf-8")
    changed = {name: _difference(name, text) for name, text in said.items()}
    assert {name: text for name, text in changed.items() if text} == {}


def _said(folder: Path) -> Mapping[str, str]:
    """By file, what each of its command lines printed."""
    at_work = asking(folder / "at work", ("w", "x"))
    at_work.configure(maxParallel=1)
    fresh = a_user(folder / "fresh")
    fresh.write({"Makefile": "check:\n\ttrue\n"})
    found = dict[str, list[str]]()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for stage in STORY:
            users = [fresh if line.startswith(FRESH) else at_work.user for line in stage]
            for line, user, ended in zip(stage, users, pool.map(_ended, users, stage), strict=True):
                found.setdefault(_file_of(line), []).append(_transcript(line, user, ended))
    return {name: "\n".join(each) for name, each in found.items()}


def _ended(user: User, line: str) -> Ended:
    temporary = user.home / "tmp"
    temporary.mkdir(exist_ok=True)
    variables = {"TMPDIR": str(temporary)}
    return Program(user, variables, is_inside=True).run(*shlex.split(line))


def _file_of(line: str) -> str:
    word = line.split()[0]
    return word if word in {verb.name for verb in VERBS} else HELP


def _transcript(line: str, user: User, ended: Ended) -> str:
    return "\n".join(
        (
            f"$ dispatch {line}",
            *_lines(ended.out, user, line),
            *(f"! {each}".rstrip() for each in _lines(ended.err, user, line)),
            f"[exit code {ended.code}]\n",
        )
    )


def _lines(text: str, user: User, line: str) -> Iterator[str]:
    """What does not differ from place to place and from time to time."""
    text = normal(text, user).replace(str(user.home), "<HOME>")
    text = text.replace(str(user.root.parent), "<FOLDER>")
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    if line == _OF_NOW:
        text = _HASH.sub("<HASH>", text)
    lines = text.splitlines()
    yield from (each.rstrip() for each in lines[:MAX_LINES])
    if len(lines) > MAX_LINES:
        yield "[and so on]"


def _difference(name: str, text: str) -> str:
    path = OUTPUTS / f"{name}.txt"
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    return "\n".join(
        unified_diff(kept.splitlines(), text.splitlines(), "kept", "said", lineterm="")
    )
