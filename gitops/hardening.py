"""What keeps git from running anything that a repository or an agent's tree names.

The environment starts empty, the user's and the system's configuration are out of reach, and what
a repository's own configuration could still name is switched off as on the command line.  Objects
are not synced one by one: whoever sets a ref or writes the document syncs the whole file system
first.
"""

import os
from collections.abc import Mapping
from typing import Final

# Never the caller's PATH: a program named ``git`` may lie in the folder we work on.
PATH: Final = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin:/run/current-system/sw/bin"
_NOWHERE: Final = "/nonexistent"
ENVIRONMENT: Final[Mapping[str, str]] = {
    "PATH": PATH,
    "LC_ALL": "C",
    "TZ": "UTC",
    "HOME": _NOWHERE,
    "XDG_CONFIG_HOME": _NOWHERE,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_PAGER": "cat",
    "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
    "GIT_EDITOR": "false",
    "GIT_SEQUENCE_EDITOR": "false",
    # Only for reflogs; commits are made by ``objects`` from what they are given.
    "GIT_AUTHOR_NAME": "dispatch",
    "GIT_AUTHOR_EMAIL": "dispatch@localhost",
    "GIT_COMMITTER_NAME": "dispatch",
    "GIT_COMMITTER_EMAIL": "dispatch@localhost",
}
SETTINGS: Final[Mapping[str, str]] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.pager": "cat",
    "core.editor": "false",
    "core.sshCommand": "false",
    "core.askPass": "false",
    "core.gitProxy": "",
    "core.alternateRefsCommand": "",
    "core.untrackedCache": "false",
    "core.splitIndex": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "false",
    "credential.helper": "",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "gpg.program": "false",
    "log.showSignature": "false",
    "merge.verifySignatures": "false",
    "diff.external": "",
    "diff.ignoreSubmodules": "all",
    "status.submoduleSummary": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "protocol.allow": "never",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.bareRepository": "explicit",
    "interactive.diffFilter": "",
    "uploadpack.packObjectsHook": "",
    "rebase.autoStash": "false",
}
