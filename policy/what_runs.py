"""Files in which only some entries run a program: compared as data, before and after."""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

MAX_COMPARED: Final = 1024 * 1024  # bytes of one file
MAX_SHOWN: Final = 120  # characters of one entry in a sentence
MAX_DETAILS: Final = 20

# What npm runs by itself around an installation (npm manual, "scripts").
_LIFE_CYCLE: Final = frozenset(
    {
        *("preinstall", "install", "postinstall", "dependencies"),
        *("preprepare", "prepare", "postprepare", "prepublish", "prepublishOnly"),
        *("prepack", "postpack"),
    }
)
# Managers of git hooks that keep their commands there.
_HOOK_TABLES: Final = ("husky", "simple-git-hooks", "gitHooks", "lint-staged", "pre-commit")
# Drivers that are in git itself and run nothing (gitattributes(5)).
_BUILT_IN: Final[Mapping[str, frozenset[str]]] = {
    "filter": frozenset(),
    "merge": frozenset({"text", "binary", "union"}),
    "diff": frozenset(
        {
            *("ada", "bash", "bibtex", "cpp", "csharp", "css", "dts", "elixir", "fortran"),
            *("fountain", "golang", "html", "ini", "java", "kotlin", "markdown", "matlab"),
            *("objc", "pascal", "perl", "php", "python", "r", "ruby", "rust", "scheme", "tex"),
        }
    ),
}


def is_compared(path: str) -> bool:
    """Whether a file is compared as data instead of counting whole."""
    return _name(path) in _ENTRIES


def changed_entries(path: str, before: bytes | None, after: bytes | None) -> tuple[str, ...]:
    """What differs of what a file runs, in sentences, sorted; none: nothing that runs changed.

    Content that cannot be read counts as changed where it is not the same.
    """
    if max(len(data or b"") for data in (before, after)) > MAX_COMPARED:
        return ("it is too long to be compared",)
    if before == after:
        return ()
    read = _ENTRIES[_name(path)]
    try:
        old, new = (dict(read(data)) if data else {} for data in (before, after))
    except (ValueError, RecursionError):
        return ("it cannot be read as what it is",)
    changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    told = [f"{key}: {_shown(old.get(key))} became {_shown(new.get(key))}" for key in changed]
    more = len(told) - MAX_DETAILS
    return (*told[:MAX_DETAILS], *([f"and {more} more"] if more > 0 else []))


def _of_package_json(data: bytes) -> Iterator[tuple[str, str]]:
    table = json.loads(data)
    if not isinstance(table, dict):
        raise ValueError("not a mapping")
    scripts = table.get("scripts")
    for name, script in scripts.items() if isinstance(scripts, dict) else ():
        if name in _LIFE_CYCLE:
            yield f"scripts.{name}", str(script)
    for name in _HOOK_TABLES:
        if name in table:
            yield name, json.dumps(table[name], sort_keys=True)


def _of_pyproject(data: bytes) -> Iterator[tuple[str, str]]:
    table = tomllib.loads(data.decode()).get("build-system")
    for key, value in table.items() if isinstance(table, dict) else ():
        yield f"build-system.{key}", str(value)


def _of_cargo(data: bytes) -> Iterator[tuple[str, str]]:
    package = tomllib.loads(data.decode()).get("package")
    if isinstance(package, dict) and "build" in package:
        yield "package.build", str(package["build"])


def _of_gitattributes(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode(errors="replace").splitlines():
        pattern, *attributes = line.split() or [""]
        for attribute in attributes if not pattern.startswith("#") else ():
            key, is_set, driver = attribute.partition("=")
            if is_set and key in _BUILT_IN and driver not in _BUILT_IN[key]:
                yield f"{key} of {pattern}", driver


_ENTRIES: Final[Mapping[str, Callable[[bytes], Iterator[tuple[str, str]]]]] = {
    "package.json": _of_package_json,
    "pyproject.toml": _of_pyproject,
    "cargo.toml": _of_cargo,
    ".gitattributes": _of_gitattributes,
}


def _name(path: str) -> str:
    return path.rpartition("/")[2].casefold()


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return repr(value if len(value) <= MAX_SHOWN else f"{value[: MAX_SHOWN - 1]}…")
