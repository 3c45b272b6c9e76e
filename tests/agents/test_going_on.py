"""An interrupted agent goes on from its last complete turn, wherever it was cut off."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fakes.agent_jobs import config, implement_job, plan_job
from fakes.model_fake import MemoryJournal, ScriptedModel, SteppedTime, turn

from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ModelRequest,
    ToolReply,
    UserMessage,
)
from dispatch.agents.past import calls_in_order, past_of
from dispatch.agents.runner import AgentRunner
from dispatch.agents.transcript import TRANSCRIPT, Again, Item, Transcript, TreeMark, read
from dispatch.state.enums import AttemptOutcome
from dispatch.state.jobs import Job, NotContinued, Submission
from dispatch.state.work import Usage

SUBMITTED = {"summary": "Done.", "filesModified": ["src/new.py"], "deviations": [], "notes": ""}
BUILT = {"command": "make test", "exitCode": 0, "stdoutTail": "ok"}
STEPS = (
    turn(("read_file", {"path": "src/greet.py"}), ("recordBuildResult", BUILT)),
    turn(("write_file", {"path": "src/new.py", "content": "one\n"})),
    turn(text="I think."),
    turn(("submitOutput", {**SUBMITTED, "summary": "refused"})),
    turn(("submitOutput", {"summary": 1})),
    turn(
        ("edit_file", {"path": "src/new.py", "old_string": "one", "new_string": "two"}),
        ("recordBuildResult", BUILT),
        ("submitOutput", SUBMITTED),
    ),
)


@define
class CopyingTree:
    """A tree whose contents are remembered, as git would."""

    root: Path
    known: dict[str, dict[str, str]] = field(factory=dict)

    async def start(self) -> str:
        """The first that was seen."""
        return next(iter(self.known), "") or str(await self.now())

    async def now(self) -> str | None:
        """The content is its own id."""
        content = self.content()
        self.known[repr(content)] = content
        return repr(content)

    async def bring_back(self, tree: str) -> None:
        """Write what was there, and nothing else."""
        for name in self.content():
            (self.root / name).unlink()
        for name, text in self.known[tree].items():
            (self.root / name).write_text(text, encoding="utf-8")

    def content(self) -> dict[str, str]:
        """The files by path."""
        return {
            str(path.relative_to(self.root)): path.read_text(encoding="utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }


@define
class Steady(ScriptedModel):
    """Says its turns in order, and says one again whose calls were cut off."""

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """Which turn it is follows from the conversation alone."""
        self.asked.append(request)
        said = 0
        for before, message in zip(request.messages, request.messages[1:], strict=False):
            said += isinstance(before, AssistantMessage) and not _is_cut_off(message)
        step = self.steps[said]
        assert isinstance(step, AssistantMessage)
        return step


def _is_cut_off(message: object) -> bool:
    return isinstance(message, ToolReply) and "The program was interrupted" in message.content


def runner(model: ScriptedModel) -> AgentRunner:
    """An agent with a model."""
    return AgentRunner(
        config=config(),
        journal=MemoryJournal(),
        commands=None,
        environ={},
        clients=lambda name: model,
        monotonic=SteppedTime(),
    )


@define
class Desk:
    """Refuses what says that it is to be refused; remembers what it was given."""

    given: list[Submission] = field(factory=list)

    async def check(self, submission: Submission) -> tuple[str, ...]:
        """The problems."""
        self.given.append(submission)
        return ("Not so.",) if submission.output.summary == "refused" else ()


def the_job(tmp_path: Path, desk: Desk) -> tuple[Job[Any], CopyingTree]:
    """An implementer's job with a tree of its own."""
    job = implement_job(tmp_path, desk.check)
    tree = CopyingTree(job.root)
    return evolve(job, tree=tree), tree


def rewritten(folder: Path, items: tuple[Item, ...]) -> None:
    """A transcript that ends where the program was killed, in the middle of a line."""
    (folder / TRANSCRIPT).unlink()
    with Transcript.new(folder) as transcript:
        for item in items:
            transcript.append(item)
    with (folder / TRANSCRIPT).open("ab") as file:
        file.write(b'{"seq":')


def prefixes(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """Every beginning of a transcript in which the model has said something."""
    for length in range(1, len(items) + 1):
        if any(isinstance(each, AssistantMessage) for each in items[:length]):
            yield items[:length]


async def test_cut_off_anywhere_it_ends_the_same_for_one_turn_more_at_most(tmp_path: Path) -> None:
    """Nothing is done twice in the tree, and no answer that was accepted is asked for again."""
    desk = Desk()
    job, tree = the_job(tmp_path, desk)
    straight = await runner(Steady(list(STEPS))).run(job)
    assert straight.outcome is AttemptOutcome.OK
    assert straight.value is not None
    end = tree.content()
    items = read(job.folder / TRANSCRIPT)
    judged = desk.given[-1]
    for kept in prefixes(items):
        rewritten(job.folder, kept)
        (job.root / "half-made").write_text("?", encoding="utf-8")
        model = Steady(list(STEPS))
        paid = sum(isinstance(each, AssistantMessage) for each in kept)
        attempt = evolve(job.attempt, usage=Usage(turns=paid))
        result = await runner(model).run(evolve(job, attempt=attempt, interrupted=True))
        assert (result.value, tree.content()) == (straight.value, end)
        assert desk.given[-1] == judged  # also the builds that were noted before the kill
        assert len(model.asked) <= len(STEPS) - paid + 1
        assert result.usage.turns == paid + len(model.asked)
        again = past_of(read(job.folder / TRANSCRIPT), "submitOutput")
        assert again is not None
        assert again.turns[-1].said == STEPS[-1]


async def test_a_turn_that_only_reads_or_answers_is_never_paid_twice(tmp_path: Path) -> None:
    steps = (*STEPS[:1], *STEPS[3:4], turn(("submitOutput", {**SUBMITTED, "filesModified": []})))
    desk = Desk()
    job, _ = the_job(tmp_path, desk)
    assert (await runner(Steady(list(steps))).run(job)).outcome is AttemptOutcome.OK
    for kept in prefixes(read(job.folder / TRANSCRIPT)):
        rewritten(job.folder, kept)
        model = Steady(list(steps))
        paid = sum(isinstance(each, AssistantMessage) for each in kept)
        result = await runner(model).run(evolve(job, interrupted=True))
        assert result.outcome is AttemptOutcome.OK
        assert len(model.asked) == len(steps) - paid


async def test_the_model_is_told_what_is_not_known(tmp_path: Path) -> None:
    job, _ = the_job(tmp_path, Desk())
    await runner(Steady(list(STEPS))).run(job)
    items = read(job.folder / TRANSCRIPT)
    place = next(n for n, each in enumerate(items) if each == STEPS[1])
    rewritten(job.folder, items[: place + 1])
    model = Steady(list(STEPS))
    await runner(model).run(evolve(job, interrupted=True))
    told = model.asked[0].messages[-1]
    assert isinstance(told, ToolReply)
    assert (told.name, told.is_error) == ("write_file", True)
    assert "what came of write_file is unknown" in told.content


async def test_a_planners_draft_is_there_again(tmp_path: Path) -> None:
    refused = {**PROPOSAL, "dependsOn": ["1z-nothing"]}
    steps = (
        turn(("proposeTask", PROPOSAL), ("proposeTask", refused)),
        turn(("finalizePlan", {})),
        turn(("proposeTask", {**PROPOSAL, "idHint": "second", "dependsOn": ["parser"]})),
        turn(("finalizePlan", FINAL)),
    )
    job = plan_job(tmp_path)
    straight = await runner(Steady(list(steps))).run(job)
    assert straight.outcome is AttemptOutcome.OK
    for kept in prefixes(read(job.folder / TRANSCRIPT)):
        rewritten(job.folder, kept)
        result = await runner(Steady(list(steps))).run(evolve(job, interrupted=True))
        assert result.value == straight.value


PROPOSAL = {
    "idHint": "parser",
    "dependsOn": [],
    "objective": "Parse.",
    "planMarkdown": "# Objective\n\nParse.\n\n" + "Details of how it is to be done. " * 10,
    "agentType": "general",
    "class": "feature",
    "verifyCommands": ["make test"],
    "critiqueEnabled": True,
}
FINAL = {"verificationMode": "no-new-failures", "verificationModeRationale": "So."}
SEVERAL = (
    turn(("write_file", {"path": "src/new.py", "content": "one\n"}), ("recordBuildResult", BUILT)),
    turn(*[("submitOutput", {**SUBMITTED, "summary": "refused"})] * 2),
    turn(("read_file", {"path": "src/new.py"}), ("submitOutput", SUBMITTED)),
)
DRAFTED = (
    turn(("proposeTask", PROPOSAL), ("finalizePlan", {})),
    turn(("reviseTask", {"id": "1a-parser", "objective": "P."}), ("finalizePlan", {})),
    turn(("finalizePlan", FINAL)),
)


@pytest.mark.parametrize("steps", [SEVERAL, DRAFTED])
async def test_cut_off_twice_every_call_has_its_own_reply(
    tmp_path: Path, steps: tuple[AssistantMessage, ...]
) -> None:
    """Providers refuse a message whose calls have no reply right after it, or more than one."""
    job = plan_job(tmp_path) if steps is DRAFTED else the_job(tmp_path, Desk())[0]
    terminal = steps[-1].tool_calls[-1].name
    straight = await runner(Steady(list(steps))).run(job)
    assert straight.outcome is AttemptOutcome.OK
    for once in prefixes(read(job.folder / TRANSCRIPT)):
        rewritten(job.folder, once)
        result = await runner(Steady(list(steps))).run(evolve(job, interrupted=True))
        assert result.value == straight.value
        for twice in prefixes(read(job.folder / TRANSCRIPT)):
            past = past_of(twice, terminal)
            assert past is not None
            for each in past.turns:
                told = [*(reply.call_id for reply in each.replies), *(one.id for one in each.left)]
                assert told == [call.id for call in calls_in_order(each.said, terminal)]
            assert all(not each.left for each in past.turns[:-1])


async def test_what_was_not_carried_out_is_not_remembered_as_done(tmp_path: Path) -> None:
    """What was cut off twice is noted as often as the model was told that it was."""
    desk = Desk()
    job, _ = the_job(tmp_path, desk)
    steps = SEVERAL[:1] + SEVERAL[2:]
    await runner(Steady(list(steps))).run(job)
    items = read(job.folder / TRANSCRIPT)
    place = next(n for n, each in enumerate(items) if each == steps[0])
    rewritten(job.folder, items[: place + 1])
    for _ in range(2):
        await runner(Steady(list(steps))).run(evolve(job, interrupted=True))
        assert len(desk.given[-1].builds) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda items: (), "had said nothing"),
        (lambda items: items[:2], "had said nothing"),
        (lambda items: (UserMessage(text="Other."), *items[1:]), "not what it was asked for"),
        (lambda items: (items[0], TreeMark(tree="other"), *items[2:]), "from another commit"),
        (lambda items: (*items[:-2], TreeMark(tree=None)), "could not be kept"),
    ],
)
async def test_what_cannot_go_on_says_why_and_asks_nothing(
    tmp_path: Path, change: Any, why: str
) -> None:
    job, _ = the_job(tmp_path, Desk())
    await runner(Steady(list(STEPS))).run(job)
    rewritten(job.folder, change(read(job.folder / TRANSCRIPT)))
    model = Steady(list(STEPS))
    with pytest.raises(NotContinued, match=why):
        await runner(model).run(evolve(job, interrupted=True))
    assert model.asked == []


async def test_an_unreadable_transcript_cannot_go_on(tmp_path: Path) -> None:
    job, _ = the_job(tmp_path, Desk())
    with pytest.raises(NotContinued, match="had not begun"):
        await runner(Steady([])).run(evolve(job, interrupted=True))
    await runner(Steady(list(STEPS))).run(job)
    told = job.folder / "system.md"
    told.rename(job.folder / "aside")  # cut off before it was written
    with pytest.raises(NotContinued, match="had not begun"):
        await runner(Steady([])).run(evolve(job, interrupted=True))
    (job.folder / "aside").rename(told)
    (job.folder / TRANSCRIPT).write_bytes(b"nonsense\n")
    with pytest.raises(NotContinued, match="cannot be read"):
        await runner(Steady([])).run(evolve(job, interrupted=True))


async def test_replies_of_calls_that_are_carried_out_again_count_once(tmp_path: Path) -> None:
    said = turn(("grep", {"pattern": "x"}), ("grep", {"pattern": "y"}), ("submitOutput", SUBMITTED))
    old = [ToolReply(call_id=call.id, name=call.name, content="old") for call in said.tool_calls]
    new = [evolve(each, content="new") for each in old]
    seed = UserMessage(text="seed")
    stories: tuple[tuple[Item, ...], ...] = (
        (*old[:1], Again(), *new),
        (*new[:2], Again(), new[2]),
        (*new[:2], Again()),
    )
    for replies in stories:
        past = past_of((seed, said, *replies), "submitOutput")
        assert past is not None
        assert past.messages == (seed, said, *new[:2])
        assert past.turns[-1].left == said.tool_calls[2:]
