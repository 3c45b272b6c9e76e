"""Findings as critics and gate critics write them."""

from pathlib import Path
from typing import Annotated

from attrs import frozen
from msgspec import Meta

from ...policy.attribution import claimed_path
from ...state.enums import FindingSeverity
from ...state.judgements import Finding


@frozen(kw_only=True)
class FindingArguments:
    """One finding as a reviewer writes it."""

    id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=80,
            description=(
                "A short name, unique in this verdict, such as `off-by-one-in-paging`. Keep the id "
                "of an earlier round for the same thing."
            ),
        ),
    ]
    severity: Annotated[
        FindingSeverity,
        Meta(description="blocking: must be fixed before the task may pass. advisory: a remark."),
    ]
    description: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=4_000,
            description=(
                "What is wrong, how you know, what would go wrong because of it, and what would "
                "settle it."
            ),
        ),
    ]
    file_path: Annotated[
        str | None, Meta(description="Relative to the root; null when it is about no one file.")
    ] = None
    line_range: Annotated[
        tuple[int, int] | None,
        Meta(description="First and last line, counted from 1; null when it is about no lines."),
    ] = None


def finding(given: FindingArguments, root: Path) -> Finding:
    """The record of a finding; a path inside the tree gets its one spelling."""
    path = given.file_path
    return Finding(
        id=given.id.strip(),
        severity=given.severity,
        description=given.description.strip(),
        file_path=None if not path else claimed_path(path, str(root)) or path,
        line_range=given.line_range,
    )
