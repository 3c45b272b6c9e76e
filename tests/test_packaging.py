"""What is shipped is what is in the tree."""

import importlib.metadata
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from dispatch import __version__
from dispatch.commands.command_line import build_parser
from dispatch.commands.completion import script
from dispatch.state.errors import EXIT_MEANING

ROOT = Path(__file__).parent.parent
OUTSIDE = ("tests", "bench", "build")
POISONED = ("1.82.7", "1.82.8", "1.107.0")


def test_the_packages_that_are_shipped_are_those_in_the_tree() -> None:
    """One that is missing would work here and be missing in the wheel."""
    found = {"dispatch"} | {
        ".".join(("dispatch", *path.parent.relative_to(ROOT).parts))
        for folder in ROOT.iterdir()
        if not folder.name.startswith(".") and folder.name not in OUTSIDE
        for path in folder.rglob("__init__.py")
        if "sample" not in path.parts
    }
    assert _listed("options", "packages") == sorted(found)


def test_every_file_that_is_promised_is_there() -> None:
    listed = [
        pattern.strip()
        for _, patterns in _setup().items("options.data_files")
        for pattern in patterns.split(",")
    ]
    assert [pattern for pattern in listed if not list(ROOT.glob(pattern))] == []


def test_prompts_and_the_sample_are_in_what_is_shipped() -> None:
    assert dict(_setup().items("options.package_data")) == {
        "dispatch": "py.typed",
        "dispatch.agents": "prompts/*.md",
        "dispatch.agents.scripted": "sample/**",
        "dispatch.fsm.page": "page.html, page.css",
    }


def test_the_installed_version_is_the_one_of_the_package() -> None:
    assert importlib.metadata.version("dispatch") == __version__


def test_poisoned_releases_of_litellm_are_excluded_by_name() -> None:
    (line,) = [each for each in _listed("options", "install_requires") if "litellm" in each]
    assert [f"!= {version}" in line for version in POISONED] == [True, True, True]


def test_every_requirement_is_pinned() -> None:
    pinned = {
        _normal(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().split("\n")
        if line
    }
    wanted = [*_listed("options", "install_requires"), *_listed("options.extras_require", "dev")]
    names = {_normal(re.split(r"[ \[<>=!]", each, maxsplit=1)[0]) for each in wanted}
    assert names - pinned == set()


@pytest.mark.parametrize(
    ("shell", "file"), [("bash", "dispatch"), ("zsh", "_dispatch"), ("fish", "dispatch.fish")]
)
def test_the_completions_that_are_shipped_are_current(shell: str, file: str) -> None:
    """Renew them with ``make docs``."""
    shipped = (ROOT / "share" / "completions" / file).read_text(encoding="utf-8")
    assert shipped == script(build_parser(), shell) + "\n"


def test_the_manual_page_that_is_shipped_is_current() -> None:
    """Renew it with ``make docs``."""
    made = subprocess.run(
        [sys.executable, ROOT / ".ci" / "manual.py"], capture_output=True, check=True, text=True
    )
    assert (ROOT / "share" / "dispatch.1").read_text(encoding="utf-8") == made.stdout


def test_the_manual_page_has_every_exit_code() -> None:
    text = (ROOT / "share" / "dispatch.1").read_text(encoding="utf-8")
    section = text.partition(".SH EXIT STATUS\n")[2].partition("\n.SH")[0]
    rows = (f".TP\n.B {code.value}\n{meaning}" for code, meaning in EXIT_MEANING.items())
    assert section == "\n".join(rows)


def _listed(section: str, option: str) -> list[str]:
    lines = _setup().get(section, option).split("\n")
    return sorted(line for line in lines if line and not line.startswith("#"))


def _setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
