"""What the operator changes himself while he is asked: committed as his own, lost by nobody.

A question may leave him the newest level's worktree.  From then on nobody checks anything out
there, until he has answered.
"""

import asyncio

from attrs import evolve

from ..state.enums import Verb
from ..state.errors import WaitingForOperator
from ..state.judgements import Answer, OperatorEdit
from ..state.records import Run
from .chain import author_of, edit_message, edit_note, top_level
from .fan_in import check_out_level, level_tip
from .ports import Ports
from .questions import Question, ask, recorded
from .workplaces import level_worktree, some


async def ask_at_worktree(ports: Ports, question: Question) -> tuple[Answer, OperatorEdit | None]:
    """The operator's answer, and what he changed if he said ``accept-with-note``.

    The newest level's worktree is his from the question to the answer; the question says so.  His
    change is a commit on the level's tip when this returns.  Raises as ``ask``, and
    WaitingForOperator for a change that cannot be committed.
    """
    run = ports.store.run
    level = top_level(run)
    path = ports.folder / "worktrees" / level_worktree(level)
    if recorded(run, question.id) is None:
        # What builds and reviewers left there is not his.
        await check_out_level(ports, level, always=True)
        question = _with_worktree(question, level, level_tip(run, level), str(path))
    answer = await ask(ports, question)
    if answer.verb != Verb.ACCEPT_WITH_NOTE:
        return answer, None
    edit = _edit(ports.store.run, question.id) or await _taken_up(ports, question.id, answer)
    return answer, None if edit is None else await _committed(ports, edit)


def _with_worktree(question: Question, level: int, tip: str, path: str) -> Question:
    """The question with what ``left_to_operator`` reads, and the place in its text."""
    text = question.allowed[Verb.ACCEPT_WITH_NOTE].rstrip(".")
    text += f". What you change in {path} before you answer becomes a commit of yours."
    return evolve(
        question,
        details={**question.details, "worktree": path, "level": level, "commit": tip},
        allowed={**question.allowed, Verb.ACCEPT_WITH_NOTE: text},
    )


def _edit(run: Run, escalation_id: str) -> OperatorEdit | None:
    return next((each for each in run.operator_edits if each.escalation_id == escalation_id), None)


async def _taken_up(ports: Ports, escalation_id: str, answer: Answer) -> OperatorEdit | None:
    """Record what differs from the level's tip, made safe under a ref; null: nothing does."""
    run, repository = ports.store.run, ports.repository
    level = top_level(run)
    tip = level_tip(run, level)
    worktree = await asyncio.to_thread(repository.existing_worktree, level_worktree(level))
    if worktree is None:  # taken down by him; what was in it is kept
        return None
    snapshot = await asyncio.to_thread(repository.snapshot, worktree, tip)
    if snapshot.problems:
        raise WaitingForOperator(
            f"What you changed in {worktree} cannot be committed: {some(snapshot.problems)}",
            f"Put it right there, then continue the run: dispatch {run.name}",
        )
    if snapshot.tree == await asyncio.to_thread(repository.tree_of, tip):
        return None
    identity, time = repository.user_identity(), ports.clock.commit_time()
    ref = f"refs/dispatch/operator/{escalation_id}"
    await asyncio.to_thread(repository.keep, ref, snapshot.tree, tip, identity, time)
    edit = OperatorEdit(
        level=level,
        escalation_id=escalation_id,
        base=tip,
        tree=snapshot.tree,
        commit_time=time,
        note=answer.note,
        by=answer.by,
        author_name=identity.name,
        author_email=identity.email,
    )
    ports.store.update(lambda run: evolve(run, operator_edits=(*run.operator_edits, edit)))
    paths = [change.path for change in snapshot.changes]
    ports.journal.event("operator.edited", escalation=escalation_id, level=level, paths=paths)
    return edit


async def _committed(ports: Ports, edit: OperatorEdit) -> OperatorEdit:
    """The edit as a commit on the tip it was made on, which the next level starts from."""
    if edit.commit_sha is not None:
        return edit
    run, repository = ports.store.run, ports.repository
    message, author, time = edit_message(run, edit), author_of(edit), edit.commit_time
    commit = await asyncio.to_thread(repository.commit, edit.tree, edit.base, message, author, time)
    done = evolve(edit, commit_sha=commit)
    run = ports.store.update(lambda run: _moved(run, done, commit))
    note = edit_note(done)
    await asyncio.to_thread(repository.note, commit, note, run.identity, time)
    await check_out_level(ports, done.level)
    ports.journal.line("run", f"what {done.by} changed is committed as {commit[:12]}")
    return done


def _moved(run: Run, edit: OperatorEdit, commit: str) -> Run:
    edits = tuple(
        edit if each.escalation_id == edit.escalation_id else each for each in run.operator_edits
    )
    boundaries = {**run.level_boundaries, str(edit.level + 1): commit}
    return evolve(run, operator_edits=edits, level_boundaries=boundaries)
