"""The canonical YAML, held against ruamel.yaml, and everything the reader refuses."""

from collections.abc import Mapping

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from properties.strategies_plain import TRICKY, documents, keys, texts
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dispatch.state import yaml_canonical, yaml_text
from dispatch.state.yaml_scalars import NotCanonical
from dispatch.state.yaml_text import YamlError, decode, dumps, loads


def by_ruamel(text: str) -> object:
    return YAML(typ="safe", pure=True).load(text)


@settings(max_examples=100)
@given(documents)
def test_what_is_written_reads_the_same_by_three_readers(value: dict[str, object]) -> None:
    text = dumps(value)
    text.encode("utf-8")
    assert yaml_canonical.read(text) == value
    assert yaml_text.lines(text)  # the general reader takes it too
    assert by_ruamel(text) == value


@pytest.mark.parametrize("text", TRICKY)
def test_a_tricky_text_survives_as_value_key_and_item(text: str) -> None:
    """[P-09] Keys and SHA-like texts stay text."""
    value = {"v": text, "l": [text, [text], {"k": text}], "m": {text[:512]: text}, "end": 1}
    written = dumps(value)
    assert yaml_canonical.read(written) == value
    assert by_ruamel(written) == value


@settings(max_examples=100)
@given(documents.filter(bool), st.data())
def test_the_fast_reader_never_reads_a_changed_text_otherwise_than_ruamel(
    value: dict[str, object], data: st.DataObject
) -> None:
    text = dumps(value)
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(
        st.sampled_from(["", " ", "\n", "\n\n", "#", "-", ":", ": ", "- ", "|", '"', "x", "\t"])
    )
    changed = text[:at] + put + text[at + cut :]
    try:
        fast = yaml_canonical.read(changed)
    except NotCanonical:
        return
    try:
        general = by_ruamel(changed)
    except (YAMLError, ValueError):
        assume(False)
    assert fast == general


def test_the_form_is_block_yaml_that_a_person_can_read() -> None:
    value = {
        "name": "fix-it",
        "empty": {},
        "text": "one\n\n  two\n",
        "tasks": [{"id": "1a-x", "dependsOn": []}, {"id": "1b-y", "dependsOn": ["1a-x"]}],
        "levelBoundaries": {"1": "0" * 40},
    }
    assert dumps(value) == (
        "name: fix-it\n"
        "empty: {}\n"
        "text: |\n"
        "  one\n"
        "\n"
        "    two\n"
        "tasks:\n"
        '  - id: "1a-x"\n'
        "    dependsOn: []\n"
        '  - id: "1b-y"\n'
        "    dependsOn:\n"
        '      - "1a-x"\n'
        "levelBoundaries:\n"
        f'  "1": "{"0" * 40}"\n'
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"a": float("nan")}, "nan of float"),
        ({"a": float("inf")}, "inf of float"),
        ({"a": 2**63}, "of int"),
        ({"a": b"x"}, "of bytes"),
        ({"a": {1: 2}}, "'1' is no key"),
        ({"k" * 513: 1}, "is no key"),
    ],
)
def test_what_yaml_cannot_hold_is_not_written(value: Mapping[str, object], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        dumps(value)


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {"x": 1}
    for level in range(levels - 1):
        value = {"m": value} if level % 2 else {"l": [value]}
    return value


@pytest.mark.parametrize("levels", range(40, 45))
def test_whatever_depth_is_written_can_be_read(levels: int) -> None:
    value = nested(levels)
    try:
        text = dumps(value)
    except ValueError as error:
        assert str(error) == "nested deeper than 64 levels"  # noqa: PT017
        return
    assert yaml_canonical.read(text) == value == loads("# by hand\n" + text)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key 'a' is there twice, first in line 1"),
        ("a: {x: 1, x: 2}\n", 1, "key 'x' is there twice, first in line 1"),
        ("a: 1\nb: &x [1]\nc: 2\n", 2, "anchors (&x) are not allowed"),
        ("a: 1\nb: *x\n", 2, "aliases (*x) are not allowed"),
        ("a: !!python/object:os.system x\n", 1, "tags (tag:yaml.org,2002:python/object:os.system)"),
        ("a: !x 1\n", 1, "tags (!x) are not allowed"),
        ("b:\n  <<: {a: 1}\n", 2, "merge keys (<<) are not allowed"),
        ("%YAML 1.1\n---\na: 1\n", 2, "directives (%YAML, %TAG) are not allowed"),
        ("a: 1\n---\nb: 1\n", 2, "a second document is not allowed"),
        ("a: " + "[" * 20_000, 1, "nested deeper than 64 levels"),
        ("a:\n  - [1, 2\nb: 1\n", 3, "expected ',' or ']', but got"),
        ("a: 1\nb: x: y\n", 2, "mapping values are not allowed here"),
        ("a: .inf\n", 1, ".inf is not a number that can be kept"),
        ("a: 1e999\n", 1, "1e999 is not a number that can be kept"),
        ("a: " + "9" * 5000 + "\n", 1, "is not a number that can be kept"),
        ("? [a]\n: 1\n", 1, "a key must be plain text"),
        ("a: 1\nb: \x07\n", 2, "character U+0007 is not allowed"),
        ("k" * 600 + ": 1", 1, "a key is longer than 512 characters"),
    ],
)
def test_what_hides_or_surprises_is_refused_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(YamlError) as caught:
        loads(text)
    assert caught.value.line == line
    assert what in caught.value.what


def test_a_file_that_is_no_utf8_text_is_refused_with_its_line() -> None:
    with pytest.raises(YamlError, match=r"^line 2: byte 0xff is not UTF-8$"):
        decode(b"a: 1\nb: \xff\n")
    with pytest.raises(YamlError, match=r"^line 3: holds a NUL byte$"):
        decode(b"a: 1\n\nb: \0")
    with pytest.raises(YamlError, match=r"^line 1: larger than 64 MiB$"):
        decode(b" " * (64 * 1024 * 1024 + 1))
    assert decode(b"\xef\xbb\xbfa: 1\n") == "a: 1\n"


def test_what_a_person_writes_is_read_by_the_rules_of_yaml_1_2() -> None:
    text = """
# a comment
on: yes      # no boolean since 1.2
1: 012
"2": 1:30
null: ~
day: 2026-01-01
list: [a, 'b', "c", 1.5, True, 0x1F]
folded: >-
  one
  two
"""
    assert loads(text) == {
        "on": "yes",
        "1": 12,
        "2": "1:30",
        "null": None,
        "day": "2026-01-01",
        "list": ["a", "b", "c", 1.5, True, "0x1F"],
        "folded": "one two",
    }
    assert loads("") is None
    assert loads("a: 1\r\nb: 2\r\n") == {"a": 1, "b": 2}


def test_lines_are_known_for_every_part() -> None:
    assert yaml_text.lines("# c\na: 1\nb:\n  - x\n  - k: |\n      t\n") == {
        (): 2,
        ("a",): 2,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 1): 5,
        ("b", 1, "k"): 5,
    }


@given(keys, texts)
def test_one_entry_or_item_reads_like_the_whole(key: str, text: str) -> None:
    assert loads(yaml_text.entry(key, text)) == {key: text}
    assert loads("a:\n" + yaml_text.item({key: text}, 2)) == {"a": [{key: text}]}
