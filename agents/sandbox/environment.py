"""The environment of a command: built from nothing, by an allow-list.

What a toolchain needs to be found stays: ``PATH``, the active virtual environment, the variables
that say where a compiler or an interpreter lives, certificates.  Folders below the operator's home
that hold programs and nothing secret are named, since the command has a home of its own.  Keys,
tokens, agents' sockets and everything else of the operator's are not there.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...state.marks import MARKER
from .launcher import Inside
from .policy import Sandbox

DEFAULT_PATH: Final = "/usr/local/bin:/usr/bin:/bin"

PASSED: Final = (
    "CARGO_HOME",
    "CC",
    "CONDA_PREFIX",
    "CXX",
    "GOFLAGS",
    "GOMODCACHE",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "LD_LIBRARY_PATH",
    "LOGNAME",
    "NODE_EXTRA_CA_CERTS",
    "NVM_DIR",
    "PYENV_ROOT",
    "REQUESTS_CA_BUNDLE",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "SOURCE_DATE_EPOCH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TZ",
    "USER",
    "VIRTUAL_ENV",
)
PASSED_WITH_NETWORK: Final = (
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
# Set when the operator's home has the folder and the variable is not set.
FROM_HOME: Final[Mapping[str, str]] = {
    "GOPATH": "go",
    "NVM_DIR": ".nvm",
    "PYENV_ROOT": ".pyenv",
    "RUSTUP_HOME": ".rustup",
}
FIXED: Final[Mapping[str, str]] = {
    "CI": "1",
    "GIT_ASKPASS": "false",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_EDITOR": "false",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "NO_COLOR": "1",
    "PAGER": "cat",
    # Byte code beside sources would look like an agent's work where nothing ignores it.
    "PYTHONDONTWRITEBYTECODE": "1",
    "SSH_ASKPASS": "false",
    "TERM": "dumb",
}

_GIT_CONFIG: Final = """\
[user]
\tname = agent
\temail = agent@localhost
[init]
\tdefaultBranch = main
"""


def environment(
    outer: Mapping[str, str], sandbox: Sandbox, inside: Inside, mark: str
) -> dict[str, str]:
    """The variables of a command; ``outer`` are ours, ``mark`` tells its processes from others."""
    passed = PASSED + (PASSED_WITH_NETWORK if sandbox.network else ())
    home = Path(outer["HOME"]) if outer.get("HOME") else None
    found = {
        name: str(home / folder)
        for name, folder in FROM_HOME.items()
        if home is not None and (home / folder).is_dir()
    }
    found |= {name: outer[name] for name in passed if outer.get(name)}
    temporary = str(inside.temporary)
    return {
        **found,
        **FIXED,
        "PATH": _search_path(outer.get("PATH", "")),
        "HOME": str(inside.home),
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        **dict(inside.variables),
        MARKER: mark,
    }


def prepare(sandbox: Sandbox) -> None:
    """Make the command's own folders, with a git identity that is nobody's."""
    for folder in (sandbox.scratch, sandbox.home, sandbox.temporary):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = sandbox.home / ".gitconfig"
    if not config.exists():
        config.write_text(_GIT_CONFIG, encoding="utf-8")


def _search_path(path: str) -> str:
    """Without relative entries: a ``git`` in the worktree must not stand in for git."""
    kept = [entry for entry in path.split(os.pathsep) if entry.startswith("/")]
    return os.pathsep.join(kept) or DEFAULT_PATH
