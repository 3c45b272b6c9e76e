"""What no command may see: homes as a whole, and every place that is known to hold credentials."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

# Below a home: keys, tokens, passwords, what a shell or a browser remembers, other agents' files.
SECRET_BELOW_HOME: Final = (
    ".Xauthority",
    ".aws",
    ".azure",
    ".bash_history",
    ".bashrc",
    ".boto",
    ".bundle/config",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".codex",
    ".composer/auth.json",
    ".condarc",
    ".config",
    ".cursor",
    ".dbus",
    ".docker",
    ".gem/credentials",
    ".gemini",
    ".git-credentials",
    ".gitconfig",
    ".gnupg",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".kube",
    ".local/share/atuin",
    ".local/share/keyrings",
    ".local/share/opencode",
    ".local/state",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".mozilla",
    ".my.cnf",
    ".netrc",
    ".npm/_logs",
    ".npmrc",
    ".nuget/NuGet",
    ".password-store",
    ".pgpass",
    ".pip",
    ".pki",
    ".profile",
    ".pypirc",
    ".s3cfg",
    ".ssh",
    ".terraform.d",
    ".terraformrc",
    ".vault-token",
    ".vscode",
    ".yarnrc",
    ".yarnrc.yml",
    ".zsh_history",
    ".zshrc",
)
# Variables that name such a place elsewhere.
NAME_A_SECRET: Final = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "DOCKER_CONFIG",
    "GIT_CONFIG_GLOBAL",
    "GNUPGHOME",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBECONFIG",
    "NETRC",
    "NPM_CONFIG_USERCONFIG",
    "PIP_CONFIG_FILE",
    "SSH_AUTH_SOCK",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "npm_config_userconfig",
)
# Inside an installation; what is beside them is shown without them.
SECRET_IN_INSTALLATION: Final = (
    ".condarc",
    ".env",
    ".git/config",
    ".netrc",
    ".npmrc",
    "condarc",
    "envs/*/pip.conf",
    "etc/npmrc",
    "node-versions/*/installation/etc/npmrc",
    "pip.conf",
    "versions/*/envs/*/pip.conf",
    "versions/*/etc/npmrc",
    "versions/*/pip.conf",
    "versions/node/*/etc/npmrc",
)
MAX_CONFIG_BYTES: Final = 64 * 1024
_WITH_CREDENTIALS: Final = re.compile(rb"://[^/\s]*@|header|\[include|\[credential", re.IGNORECASE)
_HOMES: Final = Path("/home")
_NEVER_WHOLE: Final = tuple(
    Path(each)
    for each in (
        *("/boot", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv"),
        *("/tmp", "/usr/local", "/var/cache", "/var/lib", "/var/tmp"),
    )
)
_NEVER: Final = tuple(
    Path(each)
    for each in (
        *("/dev", "/etc/shadow", "/etc/ssh", "/etc/ssl/private", "/proc", "/sys"),
        *("/var/log", "/var/mail", "/var/spool"),
    )
)


@frozen(kw_only=True)
class Unseen:
    """``whole`` may be seen in parts but not as a whole; nothing of ``secret`` may be seen."""

    whole: tuple[Path, ...]
    secret: tuple[Path, ...]

    def refusal(self, path: Path) -> str:
        """Why a file or folder may not be seen, with all below it; empty when it may."""
        if not path.is_absolute() or ".." in path.parts:
            return "its path is not absolute"
        whole, secret = self.whole, self.secret
        if path.is_relative_to(_HOMES) and path != _HOMES:
            home = _HOMES / path.parts[2]  # whoever's
            whole = (*whole, home)
            secret = (*secret, *_secret_below(home))
        for each in whole:
            if each.is_relative_to(path):
                return f"it is all of {each}" if each == path else f"it holds {each}"
        for each in secret:
            if path.is_relative_to(each):
                return f"{each} may hold credentials"
            if each.is_relative_to(path):
                return f"it holds {each}, which may hold credentials"
        return ""


def unseen(
    outer: Mapping[str, str], home: Path | None, target: Path | None, hidden: tuple[Path, ...]
) -> Unseen:
    """What stays unseen for an operator with these variables, this home and this repository.

    Nothing of ``hidden`` may be seen.
    """
    homes = (Path("/root"), *_given(home))
    named = (outer.get(name, "") for name in NAME_A_SECRET)
    listed = (Path(part) for value in named for part in value.split(":") if part.startswith("/"))
    secret = (
        *_NEVER,
        *hidden,
        *(place for each in homes for place in _secret_below(each)),
        *(each for each in listed if each != Path("/")),
        *(each / ".git" for each in _given(target)),
    )
    whole = (Path("/"), *_NEVER_WHOLE, *homes, *_given(target))
    return Unseen(whole=_with_real(whole), secret=_with_real(secret))


def is_open(folder: Path) -> bool:
    """Whether we may look into a folder ourselves; what cannot be said is no."""
    return os.access(f"{folder}/.", os.R_OK | os.X_OK)


def secrets_inside(root: Path) -> tuple[Path, ...]:
    """The known places of credentials that an installation has."""
    found = (place for each in SECRET_IN_INSTALLATION for place in root.glob(each))
    return tuple(sorted(place for place in found if _is_secret(place)))


def _is_secret(place: Path) -> bool:
    """Version managers are clones of what all can read, unless their configuration says more."""
    if place.name != "config":
        return True
    try:
        return _WITH_CREDENTIALS.search(place.read_bytes()[:MAX_CONFIG_BYTES]) is not None
    except OSError:
        return True


def _given(path: Path | None) -> tuple[Path, ...]:
    return () if path is None else (path,)


def _secret_below(home: Path) -> Iterator[Path]:
    return (home / name for name in SECRET_BELOW_HOME)


def _with_real(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Also where links lead: a home may be a link, and so may its ``.config``."""
    return tuple(dict.fromkeys(each for path in paths for each in (path, path.resolve())))
