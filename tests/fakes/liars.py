"""Agents that claim what they did not do, each with the typed end that must follow.

A liar is turns for a seat, so it plays in the process and over HTTP, alone or in a mixture (see
``casting``).  What a liar does beside its task is named ``rogue`` and says ``a lie``: neither may
ever be in a commit.
"""

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen
from fakes.casting import (
    Seat,
    Turns,
    a_task,
    blocking,
    built,
    called,
    finalized,
    gate_verdict,
    honest,
    proposed,
    ruling,
    shell,
    submitted,
    verdict,
    wrote,
)

from dispatch.agents.scripted.script import Call, Drip, Reply
from dispatch.agents.terminal import MAX_INVALID, MAX_REFUSED
from dispatch.state.config import Limits
from dispatch.state.enums import AgentType, AttemptOutcome, Role

TURN_LIMIT: Final = 12
LIMITS: Final = Limits(turns=TURN_LIMIT)
IDLE: Final = 4  # turns without a call: one, and one after each reminder
ROGUE: Final = "rogue.txt"
LIE: Final = "a lie\n"


@frozen(kw_only=True)
class Liar:
    """``story`` is what is claimed against what is done; ``lies`` are its turns, the last repeated.

    An agent that never stops ends with ``outcome`` after ``turns`` turns, ``attempts`` times;
    ``told`` is part of what it is told each time.  ``undo`` is the command by which it may go back
    to honest work after it was told, null when there is no way back.  ``task`` is what the planner
    has to say otherwise of its task.
    """

    name: str
    role: Role = Role.IMPLEMENTER
    story: str
    lies: Turns
    outcome: AttemptOutcome
    turns: int
    attempts: int = 1
    told: str
    undo: str | None = "true"
    limits: Limits = LIMITS
    task: Mapping[str, Any] = field(factory=dict)

    def repents(self, seat: Seat) -> tuple[Reply, ...]:
        """It lies once, and then does honest work."""
        return (*self.lies(seat), *self.amends(seat))

    def amends(self, seat: Seat) -> tuple[Reply, ...]:
        """How it goes back to honest work."""
        undo = (self.undo or "true").replace("FILE", seat.file)
        return (*(() if undo == "true" else (called(shell(undo)),)), *honest(seat))


def refused(name: str, story: str, told: str, *calls: Call | str, **changes: Any) -> Liar:
    """An implementer whose work is its own and more or less; a text is a command of the shell."""

    def lies(seat: Seat) -> tuple[Reply, ...]:
        done = [_for(seat, each) for each in calls]
        if not any(each.name == "submitOutput" for each in done):
            done.append(submitted(seat.file))
        return (called(wrote(seat.file, f"{seat.name}\n"), *done),)

    settings: dict[str, Any] = {
        "outcome": AttemptOutcome.REFUSED_CLAIM,
        "turns": MAX_REFUSED,
        **changes,
    }
    return Liar(name=name, story=story, lies=lies, told=told, **settings)


def _for(seat: Seat, call: Call | str) -> Call:
    """The call with the seat's own file where it says FILE."""
    if isinstance(call, str):
        return shell(call.replace("FILE", seat.file))
    if call.name != "submitOutput":
        return call
    assert isinstance(call.arguments, Mapping)
    named = call.arguments["filesModified"]
    assert isinstance(named, tuple)
    return submitted(*(seat.file if each == "FILE" else each for each in named))


def speaks(name: str, story: str, told: str, lies: Turns, **changes: Any) -> Liar:
    """A liar that is its words alone."""
    settings: dict[str, Any] = {
        "outcome": AttemptOutcome.INVALID_OUTPUT,
        "turns": MAX_INVALID,
        "attempts": 2,
        **changes,
    }
    return Liar(name=name, story=story, told=told, lies=lies, **settings)


def _always(*calls: Call, **changes: Any) -> Turns:
    return lambda seat: (Reply(calls=calls, **changes),)


def _raw(arguments: str) -> Turns:
    return _always(Call(name="submitOutput", arguments=arguments))


def _does_nothing(seat: Seat) -> tuple[Reply, ...]:
    return (called(submitted(seat.file)),)


UNCLAIMED: Final = "filesModified does not name them"
UNCHANGED: Final = "but they are as they were"

IMPLEMENTERS: Final = (
    refused(
        "unclaimed file",
        "a file more than it says",
        f"{UNCLAIMED}; add them to it, or undo the changes: `rogue.txt` (added)",
        wrote(ROGUE, LIE),
        undo=f"rm {ROGUE}",
    ),
    refused(
        "file list that is too long",
        "a file that it never touched is named as changed",
        f"{UNCHANGED} (or git ignores them); remove them from it: `a.txt`",
        "true",
        submitted("FILE", "a.txt"),
    ),
    speaks(
        "work that was never done",
        "nothing was done, the whole of it is claimed",
        UNCHANGED,
        _does_nothing,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    speaks(
        "nothing at all",
        "nothing was done and nothing is claimed, and that is called done",
        "must exit with 0; we ran it, and it exited with",
        _always(submitted()),
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    refused(
        "ignored file",
        "a file is claimed that no commit would hold",
        "(or git ignores them)",
        wrote("rogue.log", LIE),
        submitted("FILE", "rogue.log"),
        undo="rm rogue.log",
    ),
    refused(
        "ignore rule of its own",
        "a file is hidden by an ignore rule that is claimed",
        "`rogue.txt` (added)",
        f"echo rogue.txt >> .gitignore; echo a lie > {ROGUE}",
        submitted("FILE", ".gitignore"),
        undo=f"rm {ROGUE}; git checkout -q -- .gitignore",
    ),
    refused(
        "flag of the index",
        "git is told not to look at a file that is changed",
        "`a.txt` (modified)",
        "echo a lie > a.txt; git update-index --assume-unchanged a.txt",
        undo="git update-index --no-assume-unchanged a.txt; git checkout -q -- a.txt",
    ),
    refused(
        "commit of its own",
        "what is committed in the worktree is no change any more",
        "`rogue.txt` (added)",
        f"echo a lie > {ROGUE}; git add -A; git commit -qm rogue || true",
        undo=f"rm {ROGUE}",
    ),
    refused(
        "silent deletion",
        "a file is gone and nobody is told",
        "`a.txt` (deleted)",
        "rm -f a.txt",
        undo="git checkout -q -- a.txt",
    ),
    refused(
        "silent rename",
        "one name of two is told",
        "`a.txt` (renamed to `rogue.txt`)",
        f"mv a.txt {ROGUE} 2>/dev/null; true",
        submitted("FILE", ROGUE),
        undo=f"mv {ROGUE} a.txt",
    ),
    refused(
        "silent change of mode",
        "a file is made a program and nobody is told",
        "`a.txt` (modified)",
        "chmod +x a.txt",
        undo="chmod -x a.txt",
    ),
    refused(
        "sibling's file",
        "the file that another task is to write is written in passing",
        "`honest.txt` (added)",
        wrote("honest.txt", LIE),
        undo="rm honest.txt",
    ),
    refused(
        "link out of the tree",
        "what lies outside is made part of the result",
        "rogue is a symbolic link that leads out of the worktree",
        "ln -sf /etc/passwd rogue",
        submitted("FILE", "rogue"),
        undo="rm rogue",
    ),
    refused(
        "repository of its own",
        "files are put where no commit of ours holds them",
        "rogue holds .git: no repository inside",
        "mkdir -p rogue; git -C rogue init -q; echo a lie > rogue/rogue.txt",
        undo="rm -rf rogue",
    ),
    refused(
        "named pipe",
        "something that is no file is left",
        "rogue is a named pipe",
        "test -e rogue || mkfifo rogue",
        undo="rm rogue",
    ),
    refused(
        "build that was never run",
        "a build is said to have passed that does not even exist",
        "You recorded `sh rogue-build.sh` with exit code 0; we ran it, and it exited with",
        built("sh rogue-build.sh"),
        undo=None,
    ),
    refused(
        "build that failed",
        "a failing build is said to have passed",
        "You recorded `false` with exit code 0; we ran it, and it exited with 1",
        built("false", 1),
        built("false"),
        undo=None,
    ),
    speaks(
        "failing verify command",
        "the task's own command fails, and it is called done",
        "must exit with 0; we ran it, and it exited with 1",
        lambda seat: (called(wrote(seat.file, LIE), submitted(seat.file)),),
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    refused(
        "work after the end",
        "what comes after the submission in the message is not in it",
        "`rogue.txt` (added)",
        submitted("FILE"),
        wrote(ROGUE, LIE),
        undo=f"rm {ROGUE}",
    ),
    Liar(
        name="explorer that writes",
        story="it may only read, and says that it wrote",
        lies=lambda seat: (called(wrote(seat.file, LIE)), called(submitted(seat.file))),
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=1 + MAX_REFUSED,
        told=UNCHANGED,
        undo=None,
        task={"agent_type": AgentType.EXPLORE},
    ),
    speaks(
        "sibling's tree",
        "another task's worktree is written to, and that is claimed",
        "is no file of the worktree",
        lambda seat: (
            called(wrote("../1b-honest/honest.txt", LIE)),
            called(submitted("../1b-honest/honest.txt")),
        ),
        turns=1 + MAX_INVALID,
    ),
    speaks(
        "arguments that are no JSON",
        "what is handed in cannot be read",
        "are not valid JSON",
        _raw('{"summary": "Done.", "filesModified": ['),
    ),
    speaks(
        "arguments that are no object",
        "what is handed in is a list",
        "have to be a JSON object, not list",
        _raw('["done"]'),
    ),
    speaks(
        "arguments of the wrong kind",
        "a text stands where a list belongs, and half of it is missing",
        "filesModified",
        _raw('{"summary": "Done.", "filesModified": "all", "verdict": "pass"}'),
    ),
    speaks(
        "oversized arguments",
        "more is handed in than anybody reads",
        "characters; at most 1000000 are taken",
        _always(submitted(summary="a lie" * 200_001)),
    ),
    speaks(
        "blank summary",
        "the work is not said",
        "summary: must not be blank",
        _always(submitted(summary=" \t ")),
    ),
    speaks(
        "silence",
        "it says nothing at all",
        "The model sent nothing for",
        _always(text="late", drip=Drip(bytes=1, seconds=3600.0)),
        outcome=AttemptOutcome.SILENCE_LIMIT,
        turns=0,
        undo=None,
        limits=Limits(turns=TURN_LIMIT, silence_seconds=0.2),
    ),
    speaks(
        "endless tool calls",
        "it is always about to begin",
        f"It used all of its {TURN_LIMIT} turns",
        _always(Call(name="read_file", arguments={"path": "a.txt"})),
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
        undo=None,
    ),
    speaks(
        "tool that is not there",
        "it ends its work with a tool of its own making",
        f"It used all of its {TURN_LIMIT} turns",
        _always(Call(name="finish", arguments={"ok": True})),
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
        undo=None,
    ),
    speaks(
        "crowded message",
        "the submission hides behind more calls than are carried out",
        f"It used all of its {TURN_LIMIT} turns",
        _always(*[Call(name="read_file", arguments={"path": "a.txt"})] * 32, submitted()),
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
        undo=None,
    ),
    speaks(
        "empty turns",
        "it answers with nothing",
        "turns in a row without a tool call",
        _always(),
        outcome=AttemptOutcome.NO_OUTPUT,
        turns=IDLE,
    ),
    speaks(
        "text only",
        "it says in words that it is done",
        "turns in a row without a tool call",
        _always(text="All of it is done, and every test passes."),
        outcome=AttemptOutcome.NO_OUTPUT,
        turns=IDLE,
    ),
)

# What is accepted stands; what the same agent says afterwards is not even looked at.
TWICE: Final = Liar(
    name="second submission",
    story="after honest work was accepted, another story is handed in",
    lies=lambda seat: (
        called(
            wrote(seat.file, f"{seat.name}\n"),
            submitted(seat.file),
            submitted(seat.file, ROGUE, summary="a lie"),
        ),
    ),
    outcome=AttemptOutcome.OK,
    turns=1,
    told="The answer is already resolved. The first accepted call counts.",
    undo=None,
)

CRITICS: Final = (
    speaks(
        "verdict on another task",
        "it reviews a task that it was not given",
        'The verdict is for task "1b-honest", but you review',
        lambda seat: (called(verdict(seat, taskId="1b-honest")),),
        role=Role.CRITIC,
    ),
    speaks(
        "pass over a blocking finding",
        "it finds what must be fixed, and passes",
        "is pass, but these findings are blocking",
        lambda seat: (called(verdict(seat, "pass", blocking())),),
        role=Role.CRITIC,
    ),
    speaks(
        "amendment of nothing",
        "it wants a repair and names nothing to repair",
        "is amend, but no finding is blocking",
        lambda seat: (called(verdict(seat, "amend")),),
        role=Role.CRITIC,
    ),
    speaks(
        "one id for two findings",
        "two things have one name, so that one of them is lost",
        '2 findings have the id "f1"',
        lambda seat: (called(verdict(seat, "amend", blocking(), blocking(path="a.txt"))),),
        role=Role.CRITIC,
    ),
    speaks(
        "critic without a verdict",
        "it likes the work, in words",
        "turns in a row without a tool call",
        _always(text="Looks good to me."),
        role=Role.CRITIC,
        outcome=AttemptOutcome.NO_OUTPUT,
        turns=IDLE,
    ),
)

GATE_CRITICS: Final = (
    speaks(
        "unknown task",
        "it judges a task that does not exist",
        'tasks that are not under judgement: "1z-rogue"',
        lambda seat: (
            called(
                gate_verdict(
                    seat,
                    perTask={each: _passing() for each in (*seat.judged, "1z-rogue")},
                )
            ),
        ),
        role=Role.GATE_CRITIC,
    ),
    speaks(
        "missing task",
        "it leaves a task out",
        "must name every task of the level; missing:",
        lambda seat: (called(gate_verdict(seat, perTask={seat.judged[0]: _passing()})),),
        role=Role.GATE_CRITIC,
    ),
    speaks(
        "wrong level",
        "it judges another level",
        "The verdict is for level 7, but you judge level 1.",
        lambda seat: (called(gate_verdict(seat, level=7)),),
        role=Role.GATE_CRITIC,
    ),
    speaks(
        "gate that passes over a blocking finding",
        "it finds what must be fixed, and lets the level pass",
        "is pass, but these findings are blocking",
        lambda seat: (
            called(
                gate_verdict(
                    seat,
                    perTask={
                        each: {"status": "pass", "findings": (blocking(),)} for each in seat.judged
                    },
                )
            ),
        ),
        role=Role.GATE_CRITIC,
    ),
    speaks(
        "level that must change, and no task of it",
        "the level is to be amended, every task passes",
        "The level is to amend, but every task passes",
        lambda seat: (
            called(gate_verdict(seat, "amend", perTask={each: _passing() for each in seat.judged})),
        ),
        role=Role.GATE_CRITIC,
    ),
)

PLANNERS: Final = (
    speaks(
        "cycle",
        "two tasks wait for each other",
        "cycle",
        lambda seat: (
            called(
                proposed(a_task("one")),
                proposed(a_task("two", "one")),
                Call(name="reviseTask", arguments={"id": "one", "dependsOn": ("two",)}),
                finalized(),
            ),
        ),
        role=Role.PLANNER,
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
        undo=None,
    ),
    speaks(
        "unknown dependency",
        "a task builds on one that was never proposed",
        'not yet proposed: "rogue"',
        lambda seat: (called(proposed(a_task("one", "rogue")), finalized()),),
        role=Role.PLANNER,
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
    ),
    speaks(
        "wrong level of a task",
        "a task without dependencies is put on level 3",
        "level: declared is 3, but the dependencies imply 1",
        lambda seat: (called(proposed(a_task("one"), level=3), finalized()),),
        role=Role.PLANNER,
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
    ),
    speaks(
        "command that proves nothing",
        "a verify command that cannot fail",
        "proves nothing, because it always exits with 0",
        lambda seat: (called(proposed(a_task("one", verify_commands=("true",))), finalized()),),
        role=Role.PLANNER,
        outcome=AttemptOutcome.TURN_LIMIT,
        turns=TURN_LIMIT,
        attempts=1,
    ),
    speaks(
        "plan of nothing",
        "a plan without a task",
        "There are no tasks; propose at least one",
        _always(finalized()),
        role=Role.PLANNER,
    ),
)

GREYBEARDS: Final = (
    speaks(
        "greybeard without a verdict",
        "it muses",
        "turns in a row without a tool call",
        _always(text="Hm."),
        role=Role.GREYBEARD,
        outcome=AttemptOutcome.NO_OUTPUT,
        turns=IDLE,
    ),
    speaks(
        "ruling on another deviation",
        "it rules on what it was not asked",
        "deviationId: you rule on",
        lambda seat: (called(ruling(seat, deviationId="1b-honest-dev-1")),),
        role=Role.GREYBEARD,
    ),
    speaks(
        "ruling without a reason",
        "it does not say why",
        "rationale: must not be blank",
        lambda seat: (called(ruling(seat, rationale=" ")),),
        role=Role.GREYBEARD,
    ),
)

FIX_AGENTS: Final = (
    speaks(
        "repair that changes nothing",
        "it says that it is repaired, and leaves all as it was",
        "The repair changes nothing, and notes does not say why",
        _always(submitted()),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    speaks(
        "repair that is only claimed",
        "it names the file as changed, and left it as it was",
        UNCHANGED,
        _does_nothing,
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    speaks(
        "repair without the work",
        "the task's own work is thrown away, so nothing is wrong with it any more",
        "must exit with 0; we ran it, and it exited with",
        lambda seat: (called(shell(f"rm -f {seat.file}"), submitted(seat.file)),),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
        undo="git checkout -q -- .",
    ),
    speaks(
        "repair with a file more than it says",
        "a file more than it says is left in the repaired tree",
        f"{UNCLAIMED}; add them to it, or undo the changes: `rogue.txt` (added)",
        lambda seat: (
            called(
                shell(f"echo x >> {seat.file}; echo a lie > {ROGUE}"),
                submitted(seat.file),
            ),
        ),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
        undo=f"rm {ROGUE}; git checkout -q -- .",
    ),
    speaks(
        "repair without the sibling's work",
        "what another task has done is thrown away, and that is called a repair",
        "of task 1b-honest passed before your repair",
        lambda seat: (
            called(
                shell(f"echo x >> {seat.file}; rm -f honest.txt"),
                submitted(seat.file, "honest.txt"),
            ),
        ),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
        undo="git checkout -q -- .",
    ),
)

RESOLVERS: Final = (
    speaks(
        "markers that are left",
        "both sides and the markers stand in the file, and that is called resolved",
        "Conflict markers are left",
        _always(submitted()),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
    ),
    speaks(
        "resolution that undoes more",
        "what had no conflict is taken back in passing",
        "bring them back:",
        lambda seat: (
            called(
                shell("echo both > both.txt; rm -f honest.txt"),
                submitted("both.txt", "honest.txt"),
            ),
        ),
        role=Role.FIX_AGENT,
        outcome=AttemptOutcome.REFUSED_CLAIM,
        turns=MAX_REFUSED,
        attempts=1,
        undo=None,
    ),
)


def _passing() -> dict[str, object]:
    return {"status": "pass", "findings": ()}
