"""``dispatch pr RUN``: the pull request of a run that is done, shown, or opened through ``gh``."""

import json
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..fsm.pull_request import MAX_TITLE, body_of, title_of
from ..gitops.pushing import push, require_remote, require_tip
from ..gitops.user_git import locate
from ..state.clean_text import clean
from ..state.enums import RunStatus
from ..state.errors import DispatchError, ExitCode, UsageError
from ..state.records import Run
from ..state.redact import shown
from ..state.spec_file import SPEC
from .folders import open_run

JSON_VERSION: Final = 1  # of what --json prints; keys are only ever added within one version
GH_SECONDS: Final = 300.0
MAX_TOLD: Final = 2000  # characters of what gh complained of


def run(args: Namespace) -> int:
    """Show the pull request; with ``--create`` push the branch, open it and print its address."""
    folder, document = open_run(args.repo, args.name)
    if document.status is not RunStatus.DONE or document.published_commit is None:
        raise UsageError(
            f"Run {document.name} has nothing to review yet: its state is {document.status}.",
            f"See what is left: dispatch status {document.name}",
        )
    title = " ".join(clean(args.title or title_of(document, _spec(folder))).split())[:MAX_TITLE]
    base = args.base or document.base_branch
    branch, body = document.integration_branch, shown_body(document)
    address = _create(args, document, title, base, body) if args.create else None
    if args.json:
        print(
            json.dumps(
                {
                    "version": JSON_VERSION,
                    "run": document.name,
                    "branch": branch,
                    "base": base,
                    "title": title,
                    "body": body,
                    "url": address,
                },
                indent=2,
            )
        )
    elif address is not None:
        print(address)
    else:
        print(f"{title}\n\n{body}", end="")
        print(f"dispatch: {_how_to_open(args, document, base)}", file=sys.stderr)
    return ExitCode.DONE


def shown_body(run: Run) -> str:
    """The text without secrets; what is not seen in it is ours, and stays."""
    return "\u200b".join(shown(part) for part in body_of(run).split("\u200b"))


def _spec(folder: Path) -> str:
    try:
        return (folder / SPEC).read_text(encoding="utf-8", errors="replace")
    except OSError:  # thrown away: the run's name will do
        return ""


def _how_to_open(args: Namespace, run: Run, base: str | None) -> str:
    """What ``--create`` would do, or what it lacks."""
    try:
        require_remote(args.repo, args.remote)
    except UsageError as error:
        return f"Nothing was pushed, and could not be: {shown(str(error))}"
    return (
        f"{run.integration_branch} into {base or 'the default branch'} of {args.remote}; nothing "
        f"was pushed. To open it: dispatch pr {run.name} --create"
    )


def _create(args: Namespace, run: Run, title: str, base: str | None, body: str) -> str:
    """Push and open it, or find the one that is open; its address."""
    branch = run.integration_branch
    assert run.published_commit is not None  # see ``run``
    require_remote(args.repo, args.remote)
    require_tip(args.repo, branch, run.published_commit)
    gh = shutil.which("gh")
    if gh is None:
        raise UsageError(
            "There is no gh program, which opens pull requests.",
            f"Install GitHub's command line, or: git push {args.remote} {branch}",
        )
    root = locate(args.repo).root
    push(args.repo, args.remote, branch)
    listed = _gh(gh, root, ["pr", "list", "--head", branch, "--state", "open", "--json", "url"])
    if there := _address(listed):
        print("dispatch: A pull request of this branch is open already.", file=sys.stderr)
        return there
    words = ["pr", "create", "--head", branch, "--title", title, "--body-file", "-"]
    words += ["--base", base] if base else []
    words += ["--draft"] if args.draft else []
    return clean(_gh(gh, root, words, body)).strip().rpartition("\n")[2]


def _gh(gh: str, root: Path, words: Sequence[str], given: str = "") -> str:
    try:
        done = subprocess.run(
            [gh, *words],
            cwd=root,
            input=given.encode(),
            capture_output=True,
            timeout=GH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DispatchError(
            f"gh {' '.join(words[:2])} did not end within {GH_SECONDS:g} seconds.",
            "The branch is pushed; the same command goes on.",
        ) from None
    if done.returncode:
        said = " ".join(shown(done.stderr.decode("utf-8", "replace")).split())[:MAX_TOLD]
        raise DispatchError(
            f"gh {' '.join(words[:2])} exited {done.returncode}: {said or 'it said nothing'}",
            "The branch is pushed; the same command goes on.",
        )
    return done.stdout.decode("utf-8", "replace")


def _address(listed: str) -> str | None:
    """The address of the first pull request that gh lists."""
    try:
        found = json.loads(listed or "[]")
        return clean(str(found[0]["url"])) if found else None
    except (ValueError, LookupError, TypeError):
        return None
