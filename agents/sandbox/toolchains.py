"""The operator's programs outside the system's folders: found, and made visible read-only.

Looked for from what leads to them: ``PATH``, the variables of version managers and their usual
folders, links, interpreters named in scripts, virtual environments.  Whatever ``unseen`` refuses is
left out and told, never shown.
"""

import os
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from .caches import Link, downloaded, folder_of
from .search import Search
from .unseen import unseen

DEFAULT_PATH: Final = ("/usr/local/bin", "/usr/bin", "/bin")

# Variables of a version manager or an installation, with its usual folder below the home.
ROOTS: Final[Mapping[str, str | None]] = {
    "ASDF_DATA_DIR": ".asdf",
    "BUN_INSTALL": ".bun",
    "CONDA_PREFIX": None,
    "DENO_INSTALL": ".deno",
    "DOTNET_ROOT": ".dotnet",
    "FNM_DIR": ".local/share/fnm",
    "GOROOT": None,
    "JAVA_HOME": None,
    "MISE_DATA_DIR": ".local/share/mise",
    "NVM_DIR": ".nvm",
    "PNPM_HOME": ".local/share/pnpm",
    "PYENV_ROOT": ".pyenv",
    "RBENV_ROOT": ".rbenv",
    "RUSTUP_HOME": ".rustup",
    "SDKMAN_DIR": ".sdkman",
    "VIRTUAL_ENV": None,
    "VOLTA_HOME": ".volta",
}
# Variables that list files or folders, passed without those that may not be seen.
LISTS: Final = (
    "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
    "NODE_EXTRA_CA_CERTS",
    "PKG_CONFIG_PATH",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
)
PLAIN: Final = (
    "CC",
    "CXX",
    "GOFLAGS",
    "LOGNAME",
    "PYENV_VERSION",
    "RUSTUP_TOOLCHAIN",
    "SOURCE_DATE_EPOCH",
    "TZ",
    "USER",
)
# Of the target: what git ignores and a worktree below it finds by its place, or by a script's.
OF_TARGET: Final = (".venv", "venv", "node_modules")


@frozen(kw_only=True)
class Toolchains:
    """What commands may use of the operator's programs.

    ``path`` and ``variables`` lead there, ``read_only`` is what has to be visible (at its own
    place, without the system's folders), ``links`` are made in a command's home, ``left_out`` has a
    line for each place that may not be seen.
    """

    path: tuple[str, ...] = DEFAULT_PATH
    read_only: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(factory=dict)
    links: tuple[Link, ...] = ()
    left_out: tuple[str, ...] = ()

    def finds(self, program: str) -> bool:
        """Whether a program is on the search path."""
        return shutil.which(program, path=os.pathsep.join(self.path)) is not None


def find_toolchains(
    outer: Mapping[str, str],
    target: Path | None = None,
    *,
    hidden: tuple[Path, ...] = (),
    network: bool = False,
) -> Toolchains:
    """Look at this machine: ``outer`` are the operator's variables, ``target`` is the repository.

    ``network``: some command of the run may download.  Nothing of ``hidden`` becomes visible.
    """
    home = Path(outer["HOME"]) if outer.get("HOME", "").startswith("/") else None
    search = Search(unseen(outer, home, target, hidden), target)
    search.installation(Path(sys.base_prefix))  # what lets a command reach the proxy runs on it
    variables = {name: outer[name] for name in PLAIN if outer.get(name)}
    for name, below in ROOTS.items():
        folder = folder_of(outer.get(name), home, below)
        if folder is not None and search.installation(folder):
            variables[name] = str(folder)
    for name in LISTS:
        listed = [part for part in outer.get(name, "").split(os.pathsep) if part.startswith("/")]
        if shown := [part for part in listed if search.show(Path(part))]:
            variables[name] = os.pathsep.join(shown)
    path = tuple(dict.fromkeys(search.search_path(outer.get("PATH", ""))))
    for name in OF_TARGET if target is not None else ():
        search.installation(Path(target or "", name))
    caches = downloaded(outer, home, network)
    for folder in caches.read_only:
        search.show(folder)
    return Toolchains(
        path=path or DEFAULT_PATH,
        read_only=search.outermost(),
        variables=dict(sorted((variables | dict(caches.variables)).items())),
        links=tuple(link for link in caches.links if search.is_shown(link.outer)),
        left_out=tuple(search.left_out),
    )


def described(found: Toolchains) -> tuple[str, ...]:
    """What commands see beside the system and their own folders, a line each, for a person."""
    linked = Counter(Path(link.inner).parent for link in found.links)
    return (
        f"search path: {os.pathsep.join(found.path)}",
        *(f"visible, read-only: {path}" for path in found.read_only),
        *(f"variable: {name}={value}" for name, value in found.variables.items()),
        *(f"linked into a command's home: {count} in {name}" for name, count in linked.items()),
        *(f"left out: {line}" for line in found.left_out),
    )
