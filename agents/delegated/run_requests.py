"""What other programs may ask of runs: the arguments of the tools of ``dispatch mcp``."""

from typing import Annotated, Final

from attrs import frozen
from msgspec import Meta

MAX_SPEC_CHARACTERS: Final = 1024 * 1024
MAX_NOTE_CHARACTERS: Final = 4_000

Name = Annotated[str, Meta(min_length=1, max_length=64, description="The name of the run.")]


Known = Annotated[str, Meta(min_length=1, max_length=64, description="One run; else all.")]
New = Annotated[
    str, Meta(min_length=1, max_length=64, description="Its name; one that is there goes on.")
]
Spec = Annotated[
    str,
    Meta(
        max_length=MAX_SPEC_CHARACTERS,
        description="What is to be done, as Markdown; without it the repository's spec.md.",
    ),
]
Question = Annotated[str, Meta(description="The question; without it those that are open.")]
Word = Annotated[str, Meta(description="One of the answers that the question allows.")]

Note = Annotated[str, Meta(max_length=MAX_NOTE_CHARACTERS, description="Kept with the answer.")]


@frozen(kw_only=True)
class StartArguments:
    """What to carry out."""

    run: New | None = None
    spec: Spec | None = None


@frozen(kw_only=True)
class StatusArguments:
    """Which run."""

    run: Known | None = None


@frozen(kw_only=True)
class EventsArguments:
    """Which events."""

    run: Name
    since: Annotated[int, Meta(ge=0, description="The number of the last one that is known.")] = 0


@frozen(kw_only=True)
class AnswerArguments:
    """An answer to a question."""

    run: Name
    id: Question | None = None
    answer: Word | None = None
    note: Annotated[
        str, Meta(max_length=MAX_NOTE_CHARACTERS, description="Kept with the answer.")
    ] = ""


@frozen(kw_only=True)
class ReportArguments:
    """Which run."""

    run: Name
