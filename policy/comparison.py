"""The final build against the baseline: exit codes first, then failures, then the text."""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import islice
from typing import Final

from attrs import evolve, frozen

from ..state.enums import VerificationMode, VerificationOutcome
from ..state.work import BuildFailure
from .failures import MAX_FAILURES, new_failures, parse_failures

MAX_DIFF_LINES: Final = 400  # shown
MAX_DIFF_WIDTH: Final = 400  # characters of a line, shown
# Finding the shortest difference takes the square of this; beyond it a longer one will do.
MAX_COMPARED_LINES: Final = 2_000


@frozen(kw_only=True)
class CommandOutput:
    """One command of the build gate; ``text`` is normalised, ``exit_code`` null after a signal."""

    command: str
    exit_code: int | None
    timed_out: bool = False
    text: str

    @property
    def passed(self) -> bool:
        """Whether it ended by itself with exit code 0."""
        return self.exit_code == 0 and not self.timed_out


@frozen(kw_only=True)
class Comparison:
    """``outcome``: pass, retry (something got worse) or escalated (a person must look)."""

    outcome: VerificationOutcome
    reasons: tuple[str, ...]
    new_failures: tuple[BuildFailure, ...] = ()
    regressed_commands: tuple[str, ...] = ()
    diff: str = ""


Pair = tuple[CommandOutput | None, CommandOutput | None]


def compare(
    mode: VerificationMode, baseline: Sequence[CommandOutput], final: Sequence[CommandOutput]
) -> Comparison:
    """Judge the final build.  Commands are compared with their own earlier run, by their text.

    A command that passed and does not any more is a regression whatever it printed; one that is
    missing on either side must be explained by nothing less than passing.
    """
    if mode is VerificationMode.SKIP_COMPARISON:
        reason = "The plan's verification mode is skip-comparison; nothing was compared."
        return Comparison(outcome=VerificationOutcome.PASS, reasons=(reason,))
    pairs = _pairs(baseline, final)
    regressions = [(_command(pair), why) for pair in pairs if (why := _regression(pair))]
    fresh = tuple(failure for pair in pairs for failure in _worse(pair))[:MAX_FAILURES]
    diff = gate_diff(baseline, final)
    if regressions or fresh:
        reasons = [f"`{command}` {why}." for command, why in regressions]
        printed = [each for each in fresh if each.raw_text]
        if printed:
            count = "A failure is" if len(printed) == 1 else f"{len(printed)} failures are"
            reasons.append(f"{count} not in the baseline, first: {printed[0].message}")
        return Comparison(
            outcome=VerificationOutcome.RETRY,
            reasons=tuple(reasons),
            new_failures=fresh,
            regressed_commands=tuple(dict.fromkeys(command for command, _ in regressions)),
            diff=diff,
        )
    changed = [_command(pair) for pair in pairs if _differs(pair)]
    if mode is VerificationMode.BASELINE_EQUALITY and changed:
        shown = ", ".join(f"`{command}`" for command in dict.fromkeys(changed))
        return Comparison(
            outcome=VerificationOutcome.ESCALATED,
            reasons=(
                f"{shown} ended or printed otherwise than in the baseline, though nothing fails "
                "that did not fail before.",
            ),
            diff=diff,
        )
    reason = "Nothing fails that did not fail before" if changed else "The output did not change"
    # Never silent: a gate that cannot pass at all proves nothing about the work.
    bad = [f"`{each.command}` {_ending(each)}" for each in final if not each.passed]
    reason += f"; as in the baseline, {', '.join(bad)}." if bad else "."
    return Comparison(outcome=VerificationOutcome.PASS, reasons=(reason,), diff=diff)


def gate_diff(baseline: Sequence[CommandOutput], final: Sequence[CommandOutput]) -> str:
    """How the outputs differ, as a unified diff per command, bounded; empty when they do not."""
    lines = (line for pair in _pairs(baseline, final) if _differs(pair) for line in _diff(pair))
    shown = list(islice(lines, MAX_DIFF_LINES + 1))
    if len(shown) > MAX_DIFF_LINES:
        shown[MAX_DIFF_LINES:] = [f"[cut after {MAX_DIFF_LINES} lines]"]
    return "".join(f"{line}\n" for line in shown)


def _pairs(baseline: Sequence[CommandOutput], final: Sequence[CommandOutput]) -> list[Pair]:
    earlier: dict[str, list[CommandOutput]] = defaultdict(list)
    for output in baseline:
        earlier[output.command].append(output)
    pairs: list[Pair] = []
    for output in final:
        same = earlier[output.command]
        pairs.append((same.pop(0) if same else None, output))
    return [*pairs, *((output, None) for rest in earlier.values() for output in rest)]


def _command(pair: Pair) -> str:
    return next(output.command for output in pair if output is not None)


def _regression(pair: Pair) -> str | None:
    """How a command got worse, as the rest of a sentence; null: it did not."""
    before, after = pair
    if after is None:
        return "was in the baseline and was not run again"
    if after.passed:
        return None
    if before is None:
        return f"{_ending(after)} and is not in the baseline"
    if before.passed:
        return f"{_ending(after)}; in the baseline it {_ending(before)}"
    ended_by_itself = before.exit_code is not None and not before.timed_out
    if ended_by_itself and (after.exit_code is None or after.timed_out):
        return f"{_ending(after)}; in the baseline it {_ending(before)}"
    return None


def _worse(pair: Pair) -> tuple[BuildFailure, ...]:
    """The failures that are new, or the worse ending of a command that names none."""
    command, why = _command(pair), _regression(pair)
    found = _new_in(pair)
    if why and not found:
        # The same one however it ends, so that it can be found again on other trees.
        name = "silent"
        message = f"`{command}` {why}"
        found = (BuildFailure(id=name, file=None, line=None, message=message, raw_text=""),)
    return tuple(evolve(each, id=_of(command, each.id), command=command) for each in found)


def _of(command: str, failure_id: str) -> str:
    """A failure's id among those of all commands: two that print the same fail each for itself."""
    text = f"{command}\0{failure_id}"
    return f"bf-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def _new_in(pair: Pair) -> tuple[BuildFailure, ...]:
    before, after = (output.text if output else "" for output in pair)
    return () if before == after else new_failures(parse_failures(before), parse_failures(after))


def _differs(pair: Pair) -> bool:
    before, after = pair
    return (
        before is None
        or after is None
        or (before.text, _ending(before)) != (after.text, _ending(after))
    )


def _ending(output: CommandOutput) -> str:
    if output.timed_out:
        return "ran into the time limit"
    if output.exit_code is None:
        return "was ended by a signal"
    return f"ended with exit code {output.exit_code}"


def _diff(pair: Pair) -> Iterable[str]:
    before, after = (_lines(output) for output in pair)
    start = _common(before, after)
    # The common end must not reach into the common start.
    end = _common(before[start:][::-1], after[start:][::-1])
    context = 3
    first = max(0, start - context)
    old = before[first : len(before) - max(0, end - context)]
    new = after[first : len(after) - max(0, end - context)]
    cut = max(len(old), len(new)) > MAX_COMPARED_LINES
    command = _clip(_command(pair).replace("\n", " "))
    yield f"--- baseline: {command}"
    yield f"+++ final: {command}"
    if first:
        yield f"[{first} equal lines]"
    unified = difflib.unified_diff(
        old[:MAX_COMPARED_LINES], new[:MAX_COMPARED_LINES], n=context, lineterm=""
    )
    yield from (_clip(line) for line in islice(unified, 2, None))
    if cut:
        yield f"[compared up to line {first + MAX_COMPARED_LINES}]"


def _lines(output: CommandOutput | None) -> list[str]:
    # Capped by the runner, but repeated slices of millions of lines would still be felt.
    if output is None:
        return []
    return [*output.text.split("\n"), f"[{_ending(output)}]"]


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _clip(line: str) -> str:
    return line if len(line) <= MAX_DIFF_WIDTH else f"{line[:MAX_DIFF_WIDTH]}…"
