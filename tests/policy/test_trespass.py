"""What a change of the user's repository means for the attempt that was at work."""

import pytest

from dispatch.policy.trespass import SHOWN_LIMIT, reason, starts_programs, user_change
from dispatch.state.enums import SandboxTier
from dispatch.state.git_values import Fingerprint
from dispatch.state.work import UserChange

BEFORE = Fingerprint(
    settings={"user.name": "1", "core.pager": "1"},
    refs={"HEAD": "ref: refs/heads/main", "refs/heads/main": "1"},
    files={"index": "1"},
)
PLANTED = Fingerprint(
    settings={"user.name": "2", "core.hooksPath".lower(): "1", "hooks/pre-commit": "1"},
    refs={"HEAD": "ref: refs/heads/main", "refs/heads/main": "2", "refs/heads/new": "1"},
    files={"index": "2"},
)
PROGRAMS = (*("core.hookspath was added", "core.pager was removed", "hooks/pre-commit was added"),)
OTHERS = (
    *("refs/heads/main was changed", "refs/heads/new was added"),
    *("user.name was changed", "index was changed"),
)


def test_nothing_changed() -> None:
    for tier in SandboxTier:
        assert user_change("1a.implementer.1", BEFORE, BEFORE, tier) is None


@pytest.mark.parametrize("tier", [SandboxTier.NONE, SandboxTier.LANDLOCK])
def test_where_commands_reach_the_repository_what_starts_programs_fails_the_attempt(
    tier: SandboxTier,
) -> None:
    assert user_change("a", BEFORE, PLANTED, tier) == UserChange(
        attempt_id="a", programs=PROGRAMS, others=OTHERS, failed=True
    )


def test_where_they_do_not_it_is_the_users_own_and_only_programs_are_told() -> None:
    assert user_change("a", BEFORE, PLANTED, SandboxTier.BUBBLEWRAP) == UserChange(
        attempt_id="a", programs=PROGRAMS, others=(), failed=False
    )


@pytest.mark.parametrize("tier", [SandboxTier.NONE, SandboxTier.LANDLOCK])
def test_refs_and_files_that_change_are_told_and_fail_nothing(tier: SandboxTier) -> None:
    """The user may commit, switch and stage at any time."""
    after = Fingerprint(settings=BEFORE.settings, refs=PLANTED.refs, files=PLANTED.files)
    others = tuple(each for each in OTHERS if not each.startswith("user."))
    assert user_change("a", BEFORE, after, tier) == UserChange(
        attempt_id="a", programs=(), others=others, failed=False
    )
    assert user_change("a", BEFORE, after, SandboxTier.BUBBLEWRAP) is None


@pytest.mark.parametrize(
    "key",
    [
        *("alias.st", "core.fsmonitor", "core.sshCommand", "core.alternateRefsCommand"),
        *("credential.helper", "credential.https://x.helper", "diff.external", "diff.a.textconv"),
        *("filter.a.b.clean", "filter.x.process", "gpg.program", "gpg.ssh.defaultKeyCommand"),
        *("hooks/post-checkout", "include.path", "includeif.gitdir:/x.path", "merge.m.driver"),
        *("pager.log", "remote.origin.url", "remote.origin.uploadpack", "submodule.s.update"),
        *("trailer.t.cmd", "url.ext::x.insteadOf", "sequence.editor", "uploadpack.packObjectsHook"),
    ],
)
def test_settings_that_start_programs(key: str) -> None:
    assert starts_programs(key)


@pytest.mark.parametrize(
    "key",
    [
        *("branch.main.remote", "branch.main.merge", "user.email", "core.bare", "pull.rebase"),
        *("remote.origin.fetch", "color.ui", "merge.conflictStyle", "diff.algorithm"),
    ],
)
def test_settings_that_start_none(key: str) -> None:
    assert not starts_programs(key)


def test_no_secret_is_told_and_no_list_is_long() -> None:
    """[W-61] A key can hold an address with a password; values are never told."""
    settings = {f"alias.a{number:03}": "1" for number in range(100)}
    settings["credential.https://u:token@example.org.helper"] = "1"
    change = user_change(
        "a", BEFORE, Fingerprint({**BEFORE.settings, **settings}, {}, {}), SandboxTier.NONE
    )
    assert change is not None
    assert len(change.programs) == SHOWN_LIMIT + 1
    assert change.programs[-1] == "and 81 more"
    only = {"credential.https://u:token@example.org.helper": "1", **BEFORE.settings}
    change = user_change(
        "a", BEFORE, Fingerprint(only, BEFORE.refs, BEFORE.files), SandboxTier.NONE
    )
    assert change is not None
    assert change.programs == ("credential.(...).helper was added",)
    assert "token" not in reason(change)
