"""Who should do a kind of work, by what past runs say of it: a pure function with its numbers."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from attrs import frozen

from ..state.config import Candidate, Price
from ..state.enums import RouteLabel
from ..state.routes import Experience, RouteCandidate, WorkKind
from .priors import TYPICAL_TOKENS, Tokens, prior_of

MARGIN: Final = 0.02  # scores this close are a tie
CHEAPER: Final = 0.9  # of the configured one's cost, or less: worth a change
PRIOR_WEIGHT: Final = 4  # the prior counts as so many attempts
ENOUGH: Final = 3  # attempts at the very kind of work; with fewer, all in the role count
MILLION: Final = 1_000_000
# Before the slash of a model's name; a vendor's own program is told the rest.
VENDORS: Final = frozenset({"anthropic", "openai", "gemini", "google", "vertex_ai"})

# Our own loop: over a real model, or one that says what a script has.
LITELLM: Final = "litellm"
SCRIPTED: Final = "scripted"

Way: TypeAlias = tuple[str, str]  # an executor and a model


@frozen(kw_only=True)
class Option:
    """One way to have work done; ``problem``: why it cannot be taken, empty when it can."""

    executor: str
    model: str
    price: Price | None = None
    problem: str = ""

    @property
    def way(self) -> Way:
        """The executor and the model."""
        return self.executor, self.model


@frozen(kw_only=True)
class Advice:
    """Who should do the work: an executor and a model that work together, and why."""

    label: RouteLabel
    executor: str
    model: str
    reason: str
    candidates: tuple[RouteCandidate, ...]  # the configured one first


def executor_of(model: str) -> str:
    """Which half of our own loop carries out attempts with a model, as recorded."""
    return SCRIPTED if model.startswith(f"{SCRIPTED}:") else LITELLM


def candidate_way(candidate: Candidate) -> Way:
    """Who that is."""
    return candidate.executor or executor_of(candidate.model), candidate.model


def canonical(model: str) -> str:
    """A model's name without its vendor's, so that both ways to write it are one model."""
    vendor, slash, rest = model.partition("/")
    return rest if slash and vendor in VENDORS else model


def value_of(past: Experience) -> float:
    """What an attempt was worth: 1 when its answer stood at once, less for each round of repair."""
    return 1 / (1 + past.rounds) if past.accepted else 0.0


def advise(work: WorkKind, options: Sequence[Option], past: Iterable[Experience]) -> Advice:
    """The advice for a kind of work; the first of ``options`` is what is configured.

    Those whose score is within ``MARGIN`` of the best tie.  The configured one stays unless it is
    not among them, or one of them is clearly cheaper; of several the cheapest is taken, then the
    first.  Nothing dearer is taken before the configured one has a past of ``ENOUGH`` attempts,
    and an unknown cost is never cheaper.
    """
    of_role = [each for each in past if each.work.role is work.role]
    tokens = _tokens(work, of_role)
    known = tuple(_estimate(work, option, of_role, tokens) for option in options)
    configured, fit = known[0], [each for each in known if not each.problem]
    if not fit:
        return _advice(
            RouteLabel.INVALID, configured, f"none can be taken; {configured.problem}", known
        )
    best = max(each.score for each in fit)
    tied = [each for each in fit if each.score >= best - MARGIN - 1e-9]
    if configured.problem:
        winner = min(tied, key=_cost)
        why = f"the configured one cannot be taken: {configured.problem}"
        return _advice(_label(configured, winner), winner, why, known)
    if configured in tied:
        cheaper = [each for each in tied if _is_cheaper(each, configured)]
        if not cheaper:
            return _advice(RouteLabel.STAY, configured, _why_stay(configured, tied), known)
        winner = min(cheaper, key=_cost)
        why = f"as good ({_scores(winner, configured)}) and cheaper ({_costs(winner, configured)})"
        return _advice(_label(configured, winner), winner, why, known)
    winner = min(tied, key=_cost)
    if configured.attempts < ENOUGH and not _is_cheaper(winner, configured):
        why = (
            f"{_name(winner)} may be better ({_scores(winner, configured)}), but is not cheaper, "
            f"and the configured one has a past of {_attempts(configured)} only"
        )
        return _advice(RouteLabel.STAY, configured, why, known)
    why = f"better: {_scores(winner, configured)}; {_costs(winner, configured)}"
    return _advice(_label(configured, winner), winner, why, known)


def _estimate(
    work: WorkKind, option: Option, of_role: Sequence[Experience], tokens: Tokens
) -> RouteCandidate:
    own = [
        each
        for each in of_role
        if each.executor == option.executor and canonical(each.model) == canonical(option.model)
    ]
    same = [each for each in own if each.work == work]
    is_exact = len(same) >= ENOUGH or len(same) == len(own)
    used = same if is_exact else own
    prior = prior_of(work, option.model)
    total = PRIOR_WEIGHT * prior.score + math.fsum(map(value_of, used))
    basis = prior.source
    if used:
        what = "at this kind of work" if is_exact else "in this role"
        basis = f"{_times(len(used))} {what}, and what is {prior.source}"
    return RouteCandidate(
        executor=option.executor,
        model=option.model,
        score=round(total / (PRIOR_WEIGHT + len(used)), 4),
        attempts=len(used),
        basis=basis,
        cost_usd=_cost_of(used) if used else _priced(option.price, tokens),
        seconds=round(math.fsum(each.seconds for each in used) / len(used), 1) if used else None,
        problem=option.problem,
    )


def _cost_of(used: Sequence[Experience]) -> float | None:
    """What an attempt cost on average; a past of which a part has no price says nothing sure."""
    costs = [each.cost_usd for each in used if each.cost_usd is not None]
    return round(math.fsum(costs) / len(costs), 6) if len(costs) == len(used) else None


def _tokens(work: WorkKind, of_role: Sequence[Experience]) -> Tokens:
    """What an attempt reads and writes: as in the past, whoever it was, else what is typical."""
    used = [each for each in of_role if each.work == work] or of_role
    if not used:
        return TYPICAL_TOKENS[work.role]
    return Tokens(
        sum(each.input_tokens for each in used) // len(used),
        sum(each.output_tokens for each in used) // len(used),
    )


def _priced(price: Price | None, tokens: Tokens) -> float | None:
    if price is None:
        return None
    return round((tokens.input * price.input + tokens.output * price.output) / MILLION, 6)


def _advice(
    label: RouteLabel, chosen: RouteCandidate, why: str, known: tuple[RouteCandidate, ...]
) -> Advice:
    return Advice(
        label=label, executor=chosen.executor, model=chosen.model, reason=why, candidates=known
    )


def _label(configured: RouteCandidate, winner: RouteCandidate) -> RouteLabel:
    if winner.executor != configured.executor:
        return RouteLabel.SWITCH_EXECUTOR
    is_cheaper = _is_cheaper(winner, configured)
    return RouteLabel.DOWNSHIFT if is_cheaper else RouteLabel.UPSHIFT


def _why_stay(configured: RouteCandidate, tied: Sequence[RouteCandidate]) -> str:
    if len(tied) == 1:
        return f"the configured one has the best score, {configured.score:.2f}"
    return "none is better by the margin, and none as good is clearly cheaper"


def _is_cheaper(one: RouteCandidate, other: RouteCandidate) -> bool:
    if one.cost_usd is None or other.cost_usd is None:
        return False
    return one.cost_usd < CHEAPER * other.cost_usd


def _cost(each: RouteCandidate) -> float:
    return math.inf if each.cost_usd is None else each.cost_usd


def _scores(winner: RouteCandidate, configured: RouteCandidate) -> str:
    return f"score {winner.score:.2f} against {configured.score:.2f}"


def _costs(winner: RouteCandidate, configured: RouteCandidate) -> str:
    return f"{_money(winner.cost_usd)} against {_money(configured.cost_usd)} for an attempt"


def _money(usd: float | None) -> str:
    return "an unknown cost" if usd is None else f"{usd:.4f} USD"


def _name(each: RouteCandidate) -> str:
    return f"{each.model} ({each.executor})"


def _attempts(each: RouteCandidate) -> str:
    return _times(each.attempts)


def _times(number: int) -> str:
    return "1 attempt" if number == 1 else f"{number} attempts"
