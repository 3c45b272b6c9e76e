"""The versions of the document: what is read as it is, what is upgraded, what is refused."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from attrs import frozen

from .enums import FailureKind, RunStatus, VerificationMode
from .errors import DocumentError
from .records import SCHEMA_VERSION

FIRST_VERSION: Final = "0.9"  # files that do not say their version: the prototype's

_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})\Z")

Raw = dict[str, object]


@frozen
class Step:
    """How a document of one version becomes one of the next."""

    target: str
    change: Callable[[Raw], Raw]


def upgrade(raw: Raw) -> Raw:
    """The same document in this program's major version; raises DocumentError if there is no way.

    A newer minor version is left as it is: what it added is kept as unknown keys.
    """
    version = raw.get("schemaVersion", FIRST_VERSION)
    first = version
    while isinstance(version, str) and version in STEPS:
        step = STEPS[version]
        raw = {**step.change(raw), "schemaVersion": step.target, "upgradedFrom": first}
        version = step.target
    match = _VERSION.match(version) if isinstance(version, str) else None
    if match is None:
        raise DocumentError(
            f"schemaVersion is {version!r}, not text like {SCHEMA_VERSION!r}.",
            hint="Put quotes around the version the document was written with.",
        )
    major = SCHEMA_VERSION.partition(".")[0]
    if match[1] != major:
        raise DocumentError(
            f"The document has schemaVersion {version}; this program reads {FIRST_VERSION} and "
            f"{major}.x.",
            hint="Use the version of dispatch that wrote it, or a newer one.",
        )
    return raw


def _from_0_9(raw: Raw) -> Raw:
    """The prototype's document: no base commit, build gate, identity, attempts, history, evidence.

    A run that had not ended cannot be continued without them, and is kept as failed.
    """
    boundaries = raw.get("levelBoundaries")
    base = boundaries.get("1") if isinstance(boundaries, dict) else None
    if base is None:
        raise DocumentError(
            "The document is of version 0.9 and does not say which commit the run started from "
            '(levelBoundaries["1"]).',
            hint="Add that commit to the document, or start a new run.",
        )
    added: Raw = {
        "verificationMode": VerificationMode.BASELINE_EQUALITY.value,
        "verificationModeRationale": "",
        **raw,
        "baseCommit": base,
        "isolation": "level",
        "identity": {"name": "unknown", "email": "unknown@localhost"},
        "buildGate": [],
    }
    status = raw.get("status")
    if status in _UNFINISHED:
        added["status"] = RunStatus.FAILED.value
        added["failure"] = {
            "state": status,
            "kind": FailureKind.INTERNAL.value,
            "message": "The run was started by version 0.9, which kept no build gate and no "
            "evidence: it can be read and cleaned up, but not continued.",
            "at": raw.get("createdAt", ""),
        }
    return added


_UNFINISHED: Final = tuple(each.value for each in RunStatus if each is not RunStatus.DONE)

STEPS: Final[Mapping[str, Step]] = {FIRST_VERSION: Step("1.0", _from_0_9)}
