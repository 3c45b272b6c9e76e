"""The documents say what the program does."""

import re
from pathlib import Path

import pytest

from dispatch.commands.command_line import VERBS
from dispatch.commands.generated import PARTS, refreshed

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["spec.md", "README.md"])
def test_what_is_generated_in_a_document_is_current(name: str) -> None:
    """Renew it with ``make docs``."""
    document = (ROOT / name).read_text(encoding="utf-8")
    assert refreshed(document, name) == document


def test_every_generated_part_stands_in_a_document() -> None:
    texts = "".join((ROOT / name).read_text(encoding="utf-8") for name in ("spec.md", "README.md"))
    assert [part for part in PARTS if f"<!-- {part}:begin -->" not in texts] == []


def test_every_test_that_the_specification_names_is_there() -> None:
    spec = (ROOT / "spec.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[a-z_/]+(?:\.py)?)`", spec))
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_readme_uses_verbs_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"(?m)(?:^|`)dispatch ([a-z]+)(?= |`|$)", readme))
    assert used - {verb.name for verb in VERBS} == set()
