"""What a repository's build gate probably is, told from the files at its root."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.durable import read_regular

MAX_BYTES: Final = 1024 * 1024  # of one file that is looked into

# The lock file says who manages the packages; the first one that is there wins.
NODE_MANAGERS: Final[Mapping[str, tuple[str, str]]] = {
    "bun.lock": ("bun", "bun install --frozen-lockfile"),
    "bun.lockb": ("bun", "bun install --frozen-lockfile"),
    "pnpm-lock.yaml": ("pnpm", "pnpm install --frozen-lockfile"),
    "yarn.lock": ("yarn", "yarn install --frozen-lockfile"),
    "package-lock.json": ("npm", "npm ci"),
}
NODE_SCRIPTS: Final = ("lint", "typecheck", "type-check", "build", "test")
NODE_NO_TEST: Final = "no test specified"  # what `npm init` writes
PYTHON_RUNNERS: Final[Mapping[str, str]] = {
    "uv.lock": "uv run ",
    "poetry.lock": "poetry run ",
    "pdm.lock": "pdm run ",
    "Pipfile.lock": "pipenv run ",
}
MAKE_FILES: Final = ("GNUmakefile", "makefile", "Makefile")
MAKE_TARGETS: Final = ("lint", "check", "test")
# A pattern of files at the root, and the commands that go with it.
OTHERS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Cargo.toml", ("cargo build --quiet --all-targets", "cargo test --quiet")),
    ("go.mod", ("go vet ./...", "go build ./...", "go test ./...")),
    ("mvnw", ("./mvnw -q -B verify",)),
    ("pom.xml", ("mvn -q -B verify",)),
    ("gradlew", ("./gradlew -q build",)),
    ("build.gradle*", ("gradle -q build",)),
    ("*.sln", ("dotnet build --nologo", "dotnet test --nologo")),
    ("*.slnx", ("dotnet build --nologo", "dotnet test --nologo")),
    ("*.csproj", ("dotnet build --nologo", "dotnet test --nologo")),
    ("mix.exs", ("mix compile --warnings-as-errors", "mix test")),
    ("CMakeLists.txt", ("cmake -S . -B build", "cmake --build build", "ctest --test-dir build")),
)


@frozen(kw_only=True)
class Gate:
    """The commands that were found, what prepares a worktree for them, and which file said so."""

    commands: tuple[str, ...]
    setup: tuple[str, ...] = ()
    source: str


def likely_gates(root: Path) -> tuple[Gate, ...]:
    """One gate for each kind of project at ``root``; none when nothing is recognised.

    Targets of a Makefile come alone: they are the authors' own words for the rest.
    """
    made = _make(root)
    if made is not None:
        node = _node(root)
        return (Gate(commands=made.commands, setup=node.setup if node else (), source=made.source),)
    return tuple(gate for find in _FINDERS if (gate := find(root)) is not None)


def _make(root: Path) -> Gate | None:
    for name in MAKE_FILES:
        text = _text(root / name)
        found = [each for each in MAKE_TARGETS if re.search(rf"(?m)^{each}[ \t]*::?(?!=)", text)]
        if found:
            return Gate(commands=tuple(f"make {each}" for each in found), source=name)
    return None


def _python(root: Path) -> Gate | None:
    project, setup = _text(root / "pyproject.toml"), _text(root / "setup.cfg")
    runner = next((text for name, text in PYTHON_RUNNERS.items() if (root / name).is_file()), "")
    commands = []
    if "[tool.ruff" in project or (root / "ruff.toml").is_file():
        commands.append(f"{runner}ruff check")
    if "[tool.mypy" in project or "[mypy" in setup or (root / "mypy.ini").is_file():
        commands.append(f"{runner}mypy .")
    if (root / "tox.ini").is_file() or "[tool.tox" in project:
        commands.append(f"{runner}tox -q")
    elif _uses_pytest(root, project + setup):
        commands.append(f"{runner}python -m pytest -q")
    elif (root / "tests").is_dir() and any((root / "tests").glob("test*.py")):
        commands.append(f"{runner}python -m unittest discover -q")
    if not commands:
        return None
    sources = ("pyproject.toml", "setup.cfg", "tox.ini")
    source = next((name for name in sources if (root / name).is_file()), "tests/")
    return Gate(commands=tuple(commands), source=source)


def _uses_pytest(root: Path, settings: str) -> bool:
    marks = ("pytest.ini", "conftest.py", "tests/conftest.py")
    needed = "".join(_text(each) for each in sorted(root.glob("requirements*.txt")))
    return "pytest" in settings + needed or any((root / mark).is_file() for mark in marks)


def _node(root: Path) -> Gate | None:
    try:
        package = json.loads(_text(root / "package.json") or "null")
    except ValueError:
        return None
    scripts = package.get("scripts") if isinstance(package, dict) else None
    if not isinstance(scripts, dict):
        return None
    manager, install = next(
        (each for name, each in NODE_MANAGERS.items() if (root / name).is_file()), ("npm", "")
    )
    wanted = [
        name for name in NODE_SCRIPTS if NODE_NO_TEST not in str(scripts.get(name, NODE_NO_TEST))
    ]
    if not wanted:
        return None
    return Gate(
        commands=tuple(f"{manager} run {name}" for name in wanted),
        setup=(install,) if install else (),
        source="package.json",
    )


def _other(root: Path) -> Gate | None:
    for pattern, commands in OTHERS:
        found = sorted(each for each in root.glob(pattern) if each.is_file())
        if found:
            return Gate(commands=commands, source=found[0].name)
    return None


def _text(path: Path) -> str:
    try:
        return read_regular(path, MAX_BYTES)[:MAX_BYTES].decode("utf-8", "replace")
    except OSError:
        return ""


_FINDERS: Final[tuple[Callable[[Path], Gate | None], ...]] = (_python, _node, _other)
