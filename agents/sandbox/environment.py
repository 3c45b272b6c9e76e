"""The environment of a command: built from nothing.

What a toolchain needs to be found is there, as ``toolchains`` found it, and what is the same for
every command.  Keys, tokens, agents' sockets and everything else of the operator's are not.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ...state.durable import replace
from ...state.marks import MARKER
from .caches import Link
from .launcher import Inside
from .policy import Sandbox
from .toolchains import Toolchains

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
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    # Byte code beside sources would look like an agent's work where nothing ignores it.
    "PYTHONDONTWRITEBYTECODE": "1",
    "SSH_ASKPASS": "false",
    "TERM": "dumb",
}
# Without the network: take what is there, and say at once what is not.
OFFLINE: Final[Mapping[str, str]] = {
    "CARGO_NET_OFFLINE": "true",
    "GOPROXY": "off",
    "PIP_NO_INDEX": "1",
    "UV_OFFLINE": "1",
    "npm_config_offline": "true",
}

_GIT_CONFIG: Final = """\
[user]
\tname = agent
\temail = agent@localhost
[init]
\tdefaultBranch = main
"""


def environment(
    toolchains: Toolchains, sandbox: Sandbox, inside: Inside, mark: str
) -> dict[str, str]:
    """The variables of a command; ``mark`` tells its processes from others."""
    temporary = str(inside.temporary)
    return {
        **(OFFLINE if inside.is_offline and not sandbox.network else {}),
        **toolchains.variables,
        **FIXED,
        **_proxies(sandbox),
        "PATH": os.pathsep.join(toolchains.path),
        "HOME": str(inside.home),
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
        **dict(inside.variables),
        MARKER: mark,
    }


def _proxies(sandbox: Sandbox) -> dict[str, str]:
    if sandbox.proxy is None:
        return {}
    address = f"http://127.0.0.1:{sandbox.proxy.port}"
    none = "localhost,127.0.0.1,::1"
    names = {"HTTP_PROXY": address, "HTTPS_PROXY": address, "ALL_PROXY": address, "NO_PROXY": none}
    return names | {name.lower(): value for name, value in names.items()}


def put(home: Path, files: Mapping[str, str]) -> None:
    """Write files below a home that commands may have worked in; no link in it leads out.

    Paths are relative.  Nothing runs in the home meanwhile.
    """
    for name, text in sorted(files.items()):
        folder = home
        for part in Path(name).parent.parts:
            folder /= part
            if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
                folder.unlink()
            folder.mkdir(mode=0o700, exist_ok=True)
        replace(home / name, text.encode("utf-8", "backslashreplace"))


def prepare(sandbox: Sandbox, links: tuple[Link, ...] = ()) -> None:
    """Make the command's own folders.

    The home gets a git identity that is nobody's, and ``links``.  It is complete when it appears,
    and nothing is written into it later: by then a command may have put a link there that leads
    out.
    """
    for folder in (sandbox.scratch, sandbox.temporary):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sandbox.home.exists():
        return
    made = Path(tempfile.mkdtemp(prefix="home-", dir=sandbox.scratch))
    (made / ".gitconfig").write_text(_GIT_CONFIG, encoding="utf-8")
    for link in links:
        place = made / link.inner
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(link.outer)
    try:
        made.rename(sandbox.home)
    except OSError:  # a command beside this one was faster
        shutil.rmtree(made, ignore_errors=True)
        if not sandbox.home.is_dir():
            raise
