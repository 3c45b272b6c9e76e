"""The part of the report on races: who entered, what each handed in, and whose work was taken."""

from collections.abc import Iterator

from ..state.enums import FindingSeverity
from ..state.races import Entrant, Race
from ..state.records import Run, Task
from .markdown import bullets, code, inline, nested, section
from .report_words import many


def races_section(run: Run) -> str:
    """Every race; empty when there was none."""
    lines = [_race(task, task.raced) for task in run.tasks if task.raced is not None]
    return section("Races", bullets(lines, "")) if lines else ""


def entrant_words(entrant: Entrant) -> str:
    """What an entrant came to, in half a sentence."""
    if entrant.output is None or entrant.evidence is None:
        return entrant.message or "at work, or cut off"
    changes = entrant.evidence.changes
    lines = sum(each.added_lines + each.deleted_lines for each in changes)
    failing = sum(each.exit_code != 0 for each in entrant.evidence.commands)
    parts = [f"{many(lines, 'line')} in {many(len(changes), 'file')}"]
    parts += [many(failing, "failing command")]
    parts += [many(len(entrant.output.deviations), "deviation")]
    if entrant.verdict is not None:
        found = entrant.verdict.findings
        blocking = sum(each.severity is FindingSeverity.BLOCKING for each in found)
        parts += [f"{many(len(found), 'finding')}, {blocking} of them blocking"]
    elif entrant.message:
        parts += [entrant.message]
    return "; ".join(parts)


def _race(task: Task, race: Race) -> str:
    taken = race.taken
    if taken is None:
        how = "nobody's work was taken" if task.failure is not None else "not decided"
    else:
        how = f"won by entrant {taken.number}: {inline(race.reason)}"
    return f"{code(task.id)}: {how}{nested(_below(race))}"


def _below(race: Race) -> Iterator[str]:
    for each in race.entrants:
        kept = f"; kept under {code(each.kept_ref)}" if each.kept_ref else ""
        yield (
            f"entrant {each.number}, {code(each.model)} through {code(each.executor)}: "
            f"{inline(entrant_words(each))}{kept}"
        )
