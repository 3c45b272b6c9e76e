"""Who can be asked to do what: one file and one row for each role."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import frozen

from ...state.enums import Role
from ...state.jobs import (
    AttributionJob,
    CritiqueJob,
    FixJob,
    GateJob,
    GreybeardJob,
    ImplementJob,
    Job,
    PlanJob,
)
from ..workshop import Workshop
from . import attribution, critic, fix_agent, gate_critic, greybeard, implementer, planner
from .base import Session


@frozen(kw_only=True)
class RoleEntry:
    """One role: how it is named in the trace, and how an agent of it is made ready for a job."""

    role: Role
    label: Callable[[Any], str]
    prepare: Callable[[Any, Workshop], Session[Any]]


ROLES: Final[Mapping[type[Job[Any]], RoleEntry]] = {
    PlanJob: RoleEntry(role=Role.PLANNER, label=planner.label, prepare=planner.prepare),
    ImplementJob: RoleEntry(
        role=Role.IMPLEMENTER, label=implementer.label, prepare=implementer.prepare
    ),
    FixJob: RoleEntry(role=Role.FIX_AGENT, label=fix_agent.label, prepare=fix_agent.prepare),
    CritiqueJob: RoleEntry(role=Role.CRITIC, label=critic.label, prepare=critic.prepare),
    GateJob: RoleEntry(role=Role.GATE_CRITIC, label=gate_critic.label, prepare=gate_critic.prepare),
    AttributionJob: RoleEntry(
        role=Role.ATTRIBUTION, label=attribution.label, prepare=attribution.prepare
    ),
    GreybeardJob: RoleEntry(role=Role.GREYBEARD, label=greybeard.label, prepare=greybeard.prepare),
}


def entry_of(job_type: type[Job[Any]]) -> RoleEntry:
    """The role that takes jobs of a class; raises LookupError with the known classes."""
    try:
        return ROLES[job_type]
    except KeyError:
        known = ", ".join(sorted(each.__name__ for each in ROLES))
        raise LookupError(f"no role takes a {job_type.__name__}; known are {known}") from None
