"""What holds for every module, so that the next one is written the same way."""

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OUTSIDE = ("tests", "bench", "build")
LONGEST = 400
MEDIAN = 120

# Who may import which outside library; attrs is how records are written, everywhere.
IMPORTERS = {
    "aiohttp": {"agents"},
    "cattrs": {"state"},
    "dulwich": {"gitops"},
    "jinja2": {"agents", "fsm"},
    "jsonschema": {"agents"},
    "msgspec": {"agents"},
    "platformdirs": {"state"},
    "psutil": {"agents"},
    "rich": {"commands"},
    "ruamel": {"state"},
    "shtab": {"commands"},
    "transitions": {"fsm"},
}
MAY_PRINT = ("cli.py", "commands/", "agents/scripted/__main__.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def test_no_module_is_long_and_most_are_short() -> None:
    lengths = {name: text.count("\n") for name, text in _product().items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
    assert statistics.median(lengths.values()) <= MEDIAN


def test_everything_public_has_a_docstring() -> None:
    bare = [
        f"{name}:{getattr(node, 'lineno', 1)}"
        for name, tree in _trees().items()
        for node in _public(tree)
        if not ast.get_docstring(node)
    ]
    assert bare == []


def test_only_the_command_line_prints() -> None:
    printing = [
        f"{name}:{node.lineno}"
        for name, tree in _trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and not name.startswith(MAY_PRINT)
    ]
    assert printing == []


def test_each_outside_library_has_one_importing_folder() -> None:
    found: dict[str, set[str]] = {}
    for name, tree in _trees().items():
        for library in _libraries(tree):
            found.setdefault(library, set()).add(name.partition("/")[0])
    del found["attrs"]
    assert found == IMPORTERS


def test_what_is_required_is_what_is_imported() -> None:
    """litellm is imported by its name as a text, so that nothing loads it by accident."""
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup.get("options", "install_requires").split("\n")
    names = {line.split()[0].partition(".")[0] for line in lines if line and line[0] != "#"}
    assert names == {*IMPORTERS, "attrs", "litellm"}


def test_nothing_is_patched_in_tests() -> None:
    mocking = [
        name for name, text in _tests().items() if "unittest.mock" in text or "mock.patch" in text
    ]
    assert mocking == ["test_house_rules.py"]


def test_no_name_of_a_test_module_is_used_twice() -> None:
    """Two of one name would be one module to a type checker."""
    counted = Counter(Path(name).name for name in _tests())
    twice = {name for name, count in counted.items() if count > 1}
    assert twice <= {"conftest.py"}


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX", "HACK"])
def test_nothing_is_left_for_later(word: str) -> None:
    assert [name for name, text in _product().items() if word in text] == []


@cache
def _product() -> dict[str, str]:
    """Every module of the package by its path."""
    folders = [
        path
        for path in sorted(ROOT.iterdir())
        if path.is_dir() and not path.name.startswith(".") and path.name not in OUTSIDE
    ]
    inside = [path for folder in folders for path in _modules(folder) if "sample" not in path.parts]
    return _texts(ROOT, [*sorted(ROOT.glob("*.py")), *inside])


@cache
def _tests() -> dict[str, str]:
    return _texts(ROOT / "tests", _modules(ROOT / "tests"))


@cache
def _trees() -> dict[str, ast.Module]:
    return {name: ast.parse(text) for name, text in _product().items()}


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _texts(root: Path, paths: list[Path]) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def _public(tree: ast.Module) -> Iterator[Documented]:
    yield tree
    for node in _named(tree):
        yield node
        if isinstance(node, ast.ClassDef):
            yield from _named(node)


def _named(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    for inner in node.body:
        if isinstance(inner, ast.ClassDef | Function) and not inner.name.startswith("_"):
            yield inner


def _libraries(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names:
                yield top
