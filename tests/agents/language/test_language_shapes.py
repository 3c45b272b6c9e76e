"""What servers say, as values; nothing of it raises."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.agents.language.known import KNOWN, language_of, servers_here
from dispatch.agents.language.shapes import (
    MAX_ITEMS,
    Diagnostic,
    Place,
    diagnostics_of,
    hover_of,
    path_of,
    places_of,
    symbols_of,
)
from dispatch.state.clean_text import clean
from dispatch.state.config import LanguageServer, LanguageServers

ROOTS = (Path("/tree"),)
KEYS = ("uri", "range", "start", "line", "character", "message", "code", "contents", "value")
LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("file:///tree/a")
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from((*KEYS, "children", "name", "selectionRange")), inner)
    ),
    max_leaves=20,
)


@given(ANYTHING)
def test_nothing_that_a_server_says_raises(raw: object) -> None:
    found = (
        *map(str, diagnostics_of(raw, "a")),
        *map(str, places_of(raw, ROOTS)),
        *map(str, symbols_of(raw)),
        hover_of(raw),
        path_of(raw, ROOTS),
    )
    assert [text for text in found if clean(text) != text] == []


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///tree/a%20b.py", "a b.py"),
        ("file:///tree", "."),
        ("file:///usr/lib/x.py", "/usr/lib/x.py"),
        ("file:///tree2/x.py", "/tree2/x.py"),
        ("file:///tree/a%1b%5D0;x%07.py", "a.py"),
        ("untitled:x", ""),
        ("file://[", ""),
        (None, ""),
    ],
)
def test_paths_are_relative_to_the_tree(uri: object, path: str) -> None:
    assert path_of(uri, ROOTS) == path


def test_answers_are_bounded_and_in_order() -> None:
    span = {"start": {"line": 0, "character": 0}}
    many = [{"range": span, "message": f"{n:05}", "code": 7} for n in range(2 * MAX_ITEMS, 0, -1)]
    found = diagnostics_of(many, "a")
    assert len(found) == MAX_ITEMS
    assert found[0] == Diagnostic(Place("a", 1, 1), "error", "01001 (7)")
    link = {"targetUri": "file:///tree/b", "targetSelectionRange": span}
    assert places_of([link, link], ROOTS) == (Place("b", 1, 1),)
    assert hover_of({"contents": ["one", {"language": "x", "value": "two"}]}) == "one\ntwo"


def test_the_users_servers_come_first_and_only_those_that_are_there() -> None:
    mine = LanguageServer(argv=("mine",), suffixes=(".py", ".xy"))
    both = LanguageServers(servers=(mine,))
    pyright, ruff, *_ = KNOWN
    assert dict(servers_here(both, {"mine", "ruff"}.__contains__)) == {
        ".py": mine,
        ".pyi": ruff,
        ".xy": mine,
    }
    assert dict(servers_here(both, {"pyright-langserver", "ruff"}.__contains__)) == {
        ".py": pyright,
        ".pyi": pyright,
    }
    alone = LanguageServers(find=False, servers=(mine,))
    assert dict(servers_here(alone, {"ruff"}.__contains__)) == {}
    assert [language_of(each) for each in (".py", ".tsx", ".go", ".zig")] == [
        "python",
        "typescriptreact",
        "go",
        "zig",
    ]
