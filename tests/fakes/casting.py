"""Agents played by rules over the real loop: who an agent is follows from what it is asked alone.

A cast answers every request of a run from the role (the model's name) and the first message (the
task, the level, the round), so it is the same in the process and over HTTP, for a fresh agent and
after a kill.  Each part is turns for a seat; whoever has no part does honest work: a task
``1a-pear`` is to write ``pear`` into ``pear.txt``.
"""

import re
from collections.abc import Callable, Iterator, Mapping

from attrs import define, evolve, field, frozen
from fakes.run_harness import Place
from fakes.scenario_agents import planned

from dispatch.agents.executors.scripted_client import ScriptedClient
from dispatch.agents.retry import RetryPolicy
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.sandbox.runner import CommandRunner
from dispatch.agents.scripted.script import Call, Reply, Request, Rule, Script
from dispatch.state.config import ModelConfig
from dispatch.state.enums import Role
from dispatch.state.records import PlannedTask

MODELS = ModelConfig(
    planner="planner",
    implementer="implementer",
    critic="critic",
    gate_critic="gateCritic",
    greybeard="greybeard",
    attribution="attribution",
    fix_agent="fixAgent",
)
MARKERS = r"/^(<{7}|={7}|>{7}|\|{7})/d"

_TASK = re.compile(r"# (?:Task|Repair of task|Review of task|A deviation of task) ([\w-]+)")
_LEVEL = re.compile(r"# (?:Gate of|Review of task \S+) level (\d+)")
_ROUND = re.compile(r"\bround (\d+)")
_JUDGED = re.compile(r"The tasks under judgement: (.*?)\. `perTask`")
_DEVIATION = re.compile(r"^- Id: (\S+)$", re.MULTILINE)
_CONFLICT = re.compile(r"^- `conflict-\d+`, blocking, in `([^`]+)`", re.MULTILINE)
_BLOCKING = re.compile(r"^- `[^`]+`, blocking", re.MULTILINE)
_EMPTY = "Your last message was empty"


@frozen(kw_only=True)
class Seat:
    """What an agent can know of its job.

    ``judged`` are the tasks of a gate critic's level, ``blocked`` those that their critic blocks.
    """

    role: Role
    task_id: str = ""
    level: int = 1
    round: int = 1
    judged: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    deviation_id: str = ""
    seed: str = field(default="", repr=False)

    @classmethod
    def of(cls, request: Request) -> "Seat":
        """Whose request it is."""
        seed = request.first
        head = seed.partition("\n")[0]
        judged = _JUDGED.search(seed)
        return cls(
            role=Role(request.model.rpartition("/")[2]),
            task_id=_found(_TASK, head),
            level=int(_found(_LEVEL, head) or 1),
            round=int(_found(_ROUND, head) or 1),
            judged=tuple(judged[1].split(", ")) if judged else (),
            blocked=tuple(_blocked(seed)) if judged else (),
            deviation_id=_found(_DEVIATION, seed),
            seed=seed,
        )

    @property
    def name(self) -> str:
        """What the planner called the task."""
        return self.task_id.partition("-")[2]

    @property
    def file(self) -> str:
        """What the task is to write."""
        return f"{self.name}.txt"


Turns = Callable[[Seat], tuple[Reply, ...]]


def called(*calls: Call, text: str = "") -> Reply:
    """A turn with tool calls."""
    return Reply(text=text, calls=calls)


def wrote(path: str, text: str) -> Call:
    """A file is written."""
    return Call(name="write_file", arguments={"path": path, "content": text})


def shell(command: str) -> Call:
    """A command is run."""
    return Call(name="run_shell", arguments={"command": command})


def built(command: str, exit_code: int = 0) -> Call:
    """A build is said to have ended like that."""
    arguments = {"command": command, "exitCode": exit_code, "stdoutTail": "ok"}
    return Call(name="recordBuildResult", arguments=arguments)


def submitted(*files: str, **changes: object) -> Call:
    """Work is handed in that changed these files."""
    arguments = {"summary": "Done.", "filesModified": files, "deviations": (), "notes": ""}
    return Call(name="submitOutput", arguments={**arguments, **changes})


def verdict(seat: Seat, status: str = "pass", *findings: object, **changes: object) -> Call:
    """A critic's verdict."""
    arguments = {"taskId": seat.task_id, "status": status, "findings": findings}
    return Call(name="recordVerdict", arguments={**arguments, **changes})


def gate_verdict(seat: Seat, status: str = "pass", **changes: object) -> Call:
    """A gate critic's verdict, by default that of the critics."""
    tasks = {
        task_id: {"status": "amend" if task_id in seat.blocked else "pass", "findings": ()}
        for task_id in seat.judged
    }
    arguments = {"level": seat.level, "status": status, "perTask": tasks}
    return Call(name="recordGateVerdict", arguments={**arguments, **changes})


def ruling(seat: Seat, word: str = "accept", **changes: object) -> Call:
    """A greybeard's ruling."""
    arguments = {"taskId": seat.task_id, "deviationId": seat.deviation_id, "verdict": word}
    return Call(
        name="recordGreybeardVerdict", arguments={**arguments, "rationale": "So.", **changes}
    )


def blocking(name: str = "f1", path: str | None = None) -> Mapping[str, object]:
    """A finding that must be fixed."""
    return {"id": name, "severity": "blocking", "description": "It is wrong.", "filePath": path}


def proposed(task: PlannedTask, **changes: object) -> Call:
    """A task is proposed."""
    arguments = {
        "idHint": task.id,
        "dependsOn": task.depends_on,
        "objective": task.objective,
        "planMarkdown": task.plan_markdown,
        "agentType": task.agent_type.value,
        "class": task.task_class.value,
        "verifyCommands": task.verify_commands,
        "critiqueEnabled": task.critique_enabled,
    }
    return Call(name="proposeTask", arguments={**arguments, **changes})


def finalized(mode: str = "no-new-failures") -> Call:
    """The plan is handed in."""
    arguments = {"verificationMode": mode, "verificationModeRationale": "As the spec says."}
    return Call(name="finalizePlan", arguments=arguments)


def a_task(name: str, *depends_on: str, **changes: object) -> PlannedTask:
    """A task that is to write its name into its file."""
    level = 2 if depends_on else 1  # of no account: levels are computed
    task = planned(name, level, depends_on, verify_commands=(f"grep -qx {name} {name}.txt",))
    return evolve(task, **changes)  # type: ignore[arg-type]  # whatever a planned task has


def honest(seat: Seat) -> tuple[Reply, ...]:
    """What everybody does who has no part of his own."""
    match seat.role:
        case Role.IMPLEMENTER:
            write = wrote(seat.file, f"{seat.name}\n")
            return (called(write, submitted(seat.file)),)
        case Role.FIX_AGENT:
            return _repair(seat)
        case Role.CRITIC:
            return (called(verdict(seat)),)
        case Role.GATE_CRITIC:
            return (called(gate_verdict(seat, "amend" if seat.blocked else "pass")),)
        case Role.GREYBEARD:
            return (called(ruling(seat)),)
        case _:
            raise AssertionError(f"nobody is {seat.role}")


def _repair(seat: Seat) -> tuple[Reply, ...]:
    """Resolve a conflict by keeping both sides' lines, or say in the task's file what is new."""
    if "conflict markers" in seat.seed:
        paths = sorted(set(_CONFLICT.findall(seat.seed)))
        strip = shell(f"sed -i -E '{MARKERS}' {' '.join(paths)}")
        return (called(strip, submitted(*paths)),)
    more = shell(f"echo 'repaired {seat.round}' >> {seat.file}")
    return (called(more, submitted(seat.file)),)


@define(kw_only=True)
class Cast:
    """Who plays what in a run; ``parts`` are by role, or by role and task as ``critic 1a-pear``.

    ``heard`` are all requests with their seats, in the order they came.
    """

    plan: tuple[PlannedTask, ...]
    parts: Mapping[str, Turns] = field(factory=dict)
    mode: str = "no-new-failures"
    heard: list[tuple[Seat, Request]] = field(factory=list)

    def reply(self, request: Request) -> Reply:
        """The next turn; the last one of a part is said again and again."""
        seat = Seat.of(request)
        self.heard.append((seat, request))
        names = (f"{seat.role} {seat.task_id}", str(seat.role))
        part = next((self.parts[name] for name in names if name in self.parts), self._honest)
        turns = part(seat)
        return turns[min(_turn(request), len(turns) - 1)]

    def script(self) -> Script:
        """The cast as a script, to be played in the process or over HTTP."""
        return Script([Rule(name="cast", when=lambda _: True, reply=self.reply, times=None)])

    def agents(self, place: Place) -> AgentRunner:
        """The real agents' port, with the cast for a model."""
        place.config_changes = {"model_config": MODELS, **place.config_changes}
        client = ScriptedClient(self.script())
        return AgentRunner(
            config=place.config(),
            journal=place.journal,
            commands=CommandRunner(
                place.folder, place.folder / "scratch", launcher=PlainLauncher()
            ),
            environ={},
            clients=lambda model: client,
            retries=RetryPolicy(retries=0),
        )

    def told(self, attempts: str) -> list[str]:
        """What each request of a role, or of a role and task, has new since the turn before."""
        return [
            _news(request)
            for seat, request in self.heard
            if attempts in (str(seat.role), f"{seat.role} {seat.task_id}")
        ]

    def _honest(self, seat: Seat) -> tuple[Reply, ...]:
        if seat.role is Role.PLANNER:
            return (called(*map(proposed, self.plan), finalized(self.mode)),)
        return honest(seat)


def _news(request: Request) -> str:
    texts = []
    for message in reversed(request.messages):
        if message.role == "assistant":
            break
        texts.append(message.text)
    return "\n".join(reversed(texts))


def _blocked(seed: str) -> Iterator[str]:
    for part in seed.split("\n# Task ")[1:]:
        if _BLOCKING.search(part.rpartition("## Its critic")[2]):
            yield part.partition("\n")[0]


def _turn(request: Request) -> int:
    """How many turns came before; an empty one is not sent again, but its reminder is."""
    return request.turn + sum(_EMPTY in message.text for message in request.messages)


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""
