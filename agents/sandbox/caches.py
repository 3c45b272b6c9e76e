"""What package managers have downloaded already, offered to commands without a copy of it.

A command's caches are below a home of its own, where every tool looks for them and may write.
What the operator's caches hold is linked into them piece by piece, so that new pieces go beside;
or, where a tool knows a second cache that it only reads, a variable names it.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from .unseen import is_open

MAX_LINKED: Final = 20_000  # pieces of one cache; what is beyond is downloaded again, or missing

# Below Cargo's home, and how many folders down the pieces lie: what is complete once it is there,
# and what a download adds to, which must not be a link where there are downloads.
_CARGO: Final = (("registry/cache", 2), ("registry/src", 2), ("git/checkouts", 2))
_CARGO_GROWS: Final = (("registry/index", 1), ("git/db", 1))


@frozen(kw_only=True)
class Link:
    """``inner``, a path relative to a command's home, leads to ``outer``."""

    inner: str
    outer: Path


@frozen(kw_only=True)
class Caches:
    """The links to make, the variables to set, and what must be visible for them."""

    links: tuple[Link, ...] = ()
    variables: Mapping[str, str] = field(factory=dict)
    read_only: tuple[Path, ...] = ()


def downloaded(outer: Mapping[str, str], home: Path | None, network: bool) -> Caches:
    """The operator's caches; ``network``: commands may download what these do not have."""
    found = (
        _cargo(folder_of(outer.get("CARGO_HOME"), home, ".cargo"), network),
        _go(outer, home, network),
        _gradle(folder_of(outer.get("GRADLE_USER_HOME"), home, ".gradle")),
        _maven(folder_of(None, home, ".m2/repository")),
        _npm(folder_of(outer.get("npm_config_cache"), home, ".npm"), network),
        _pip(folder_of(outer.get("PIP_CACHE_DIR"), home, ".cache/pip")),
        _user_site(folder_of(None, home, ".local/lib")),
    )
    variables = dict[str, str]()
    for each in found:
        variables |= each.variables
    return Caches(
        links=tuple(link for each in found for link in each.links),
        variables=variables,
        read_only=tuple(path for each in found for path in each.read_only),
    )


def folder_of(value: str | None, home: Path | None, below: str | None) -> Path | None:
    """The folder that a variable names, else the usual one below the home; null: there is none."""
    if value and value.startswith("/"):
        folder = Path(os.path.normpath(value))
    elif home is not None and below is not None:
        folder = home / below
    else:
        return None
    return folder if is_open(folder) else None


def _cargo(folder: Path | None, network: bool) -> Caches:
    if folder is None:
        return Caches()
    parts = _CARGO if network else (*_CARGO, *_CARGO_GROWS)
    return Caches(
        links=tuple(
            link
            for below, depth in parts
            for link in _links(folder / below, depth, f".cargo/{below}")
        ),
        read_only=tuple(each for name in ("registry", "git") if is_open(each := folder / name)),
    )


def _go(outer: Mapping[str, str], home: Path | None, network: bool) -> Caches:
    first = outer.get("GOPATH", "").split(os.pathsep)[0]
    path = folder_of(first, home, "go")
    cache = folder_of(outer.get("GOMODCACHE"), path, "pkg/mod")
    if network:
        # Into a cache of the command's own, that can be removed, first from the operator's.
        proxies = ["https://proxy.golang.org", "off"]
        if cache is not None:
            proxies.insert(0, (cache / "cache/download").as_uri())
        variables = {
            "GOFLAGS": f"{outer.get('GOFLAGS', '')} -modcacherw".strip(),
            "GOPROXY": ",".join(proxies),
        }
        return Caches(variables=variables, read_only=(cache,) if cache is not None else ())
    if cache is None:
        return Caches()
    return Caches(variables={"GOMODCACHE": str(cache)}, read_only=(cache,))


def _gradle(folder: Path | None) -> Caches:
    if folder is None or not is_open(folder / "caches/modules-2"):
        return Caches()
    return Caches(
        variables={"GRADLE_RO_DEP_CACHE": str(folder / "caches")},
        read_only=(folder / "caches/modules-2",),
    )


def _maven(folder: Path | None) -> Caches:
    if folder is None:
        return Caches()
    # Read by Maven from 3.9 on.
    return Caches(
        variables={"MAVEN_ARGS": f"-Dmaven.repo.local.tail={folder}"}, read_only=(folder,)
    )


def _npm(folder: Path | None, network: bool) -> Caches:
    if folder is None or network:
        return Caches()
    # npm fails where it cannot add to what it has fetched, so not where it may fetch.
    parts = tuple(
        each for name in ("content-v2", "index-v5") if is_open(each := folder / "_cacache" / name)
    )
    return Caches(
        links=tuple(Link(inner=f".npm/_cacache/{each.name}", outer=each) for each in parts),
        read_only=parts,
    )


def _pip(folder: Path | None) -> Caches:
    if folder is None:
        return Caches()
    parts = tuple(each for name in ("http", "http-v2") if is_open(each := folder / name))
    return Caches(
        links=tuple(Link(inner=f".cache/pip/{each.name}", outer=each) for each in parts),
        read_only=parts,
    )


def _user_site(folder: Path | None) -> Caches:
    if folder is None:
        return Caches()
    sites = sorted(folder.glob("python*/site-packages"))
    return Caches(
        links=tuple(
            link
            for site in sites
            for link in _links(site, 1, f".local/lib/{site.relative_to(folder)}")
        ),
        read_only=tuple(sites),
    )


def _links(folder: Path, depth: int, inner: str) -> Iterator[Link]:
    """A link for each piece ``depth`` folders down, at the same place below ``inner``."""
    pieces = sorted(folder.glob("/".join("*" * depth)))
    for piece in pieces[:MAX_LINKED]:
        yield Link(inner=f"{inner}/{piece.relative_to(folder)}", outer=piece)
