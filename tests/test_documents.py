"""The documents say what the program does."""

import errno
import os
import re
import shlex
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from dispatch.cli import DEFAULT_VERB
from dispatch.commands.arguments.verb import Verb
from dispatch.commands.command_line import VERBS, build_parser
from dispatch.commands.generated import PARTS, refreshed
from dispatch.commands.settings import config_schema
from dispatch.state import yaml_text

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    "README.md",
    "spec.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
)
GENERATED = ("spec.md", "README.md", "docs/scripts.md")


@pytest.mark.parametrize("name", GENERATED)
def test_what_is_generated_in_a_document_is_current(name: str) -> None:
    """Renew it with ``make docs``."""
    document = (ROOT / name).read_text(encoding="utf-8")
    assert refreshed(document, name) == document


def test_every_generated_part_stands_in_a_document() -> None:
    texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in GENERATED)
    assert [part for part in PARTS if f"<!-- {part}:begin -->" not in texts] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_test_that_a_document_names_is_there(name: str) -> None:
    named = set(re.findall(r"`(tests/[a-z_/]+(?:\.py)?)`", _text(name)))
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_in_a_document_leads_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)#\s]*)(#[^)\s]*)?\)", _text(name))
    wrong = []
    for path, anchor in links:
        target = (ROOT / name).parent / path if path else ROOT / name
        if path.startswith("https://"):
            continue
        if not target.exists() or (anchor and anchor[1:] not in _anchors(target)):
            wrong.append(path + anchor)
    assert wrong == []


def test_every_page_of_the_docs_stands_in_their_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {page for page in pages if f"]({page})" not in _text("docs/README.md")} == set()


def test_every_message_that_the_questions_quote_is_one_of_the_program() -> None:
    """Of the tables of what one may see; an ellipsis stands for what differs."""
    cells = re.findall(r"(?m)^\| ([^|]+) \|", _text("docs/questions.md"))
    pieces = [
        piece.strip()
        for cell in cells
        for quoted in re.findall(r"`([^`]+)`", cell)
        for piece in quoted.split("…")
    ]
    assert len(pieces) > 10
    said = "".join(path.read_text(encoding="utf-8") for path in _modules())
    system = " ".join(os.strerror(code) for code in errno.errorcode)
    assert [piece for piece in pieces if piece not in said and piece not in system] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_line_in_a_document_is_one(name: str) -> None:
    """Those in shell blocks, and those within lines that have more than a verb."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", _text(name))
    lines = [line for block in blocks for line in block.split("\n") if line.startswith("dispatch")]
    for line in (*lines, *re.findall(r"`(dispatch [a-z]+ [^`…]+)`", _text(name))):
        assert _not_understood(line) == [], line


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_example_of_the_help_is_a_command_line(verb: Verb) -> None:
    for example in verb.examples:
        assert _not_understood(example) == [], example


def test_every_verb_is_named_in_the_documents() -> None:
    texts = "".join(_text(name) for name in DOCUMENTS)
    assert [verb.name for verb in VERBS if f"dispatch {verb.name}" not in texts] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_setting_shown_in_a_document_is_one(name: str) -> None:
    """They are excerpts, so a key may be missing."""
    validator = Draft7Validator(config_schema())
    for block in re.findall(r"(?ms)^```yaml\n(.*?)^```", _text(name)):
        errors = validator.iter_errors(yaml_text.loads(block))
        assert [error.message for error in errors if error.validator != "required"] == [], block


def _not_understood(line: str) -> list[str]:
    """What the parser does not take of a command line."""
    command = re.split(r" [|>] |  ", line)[0]  # the rest is the shell's, or an explanation
    words = shlex.split(command, comments=True)[1:]
    if not words or words[0] not in {verb.name for verb in VERBS}:
        words.insert(0, DEFAULT_VERB)
    return build_parser().parse_known_args(words)[1]


def _modules() -> list[Path]:
    folders = ("agents", "commands", "fsm", "gitops", "policy", "state")
    return [*ROOT.glob("*.py"), *(path for each in folders for path in (ROOT / each).rglob("*.py"))]


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _anchors(path: Path) -> set[str]:
    """As forges make them of headings."""
    headings = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in headings}
