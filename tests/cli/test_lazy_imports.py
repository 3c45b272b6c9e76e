"""What starts quickly stays quick: heavy libraries are loaded by what needs them, and only then."""

import subprocess
import sys

import pytest
from fakes.git_repos import User

HEAVY = ("litellm", "openai", "dulwich", "transitions", "rich", "jinja2")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["--version"], ["graph"], ["status"]]
)
def test_no_heavy_library_is_loaded(arguments: list[str], user: User) -> None:
    program = (
        "import sys\n"
        "from dispatch.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=user.root, capture_output=True, check=True, text=True
    )
    assert done.stderr == "[]\n"


def test_the_parser_loads_the_standard_library_only() -> None:
    """The manual page is made from it before anything is installed."""
    program = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from dispatch.commands.command_line import build_parser\n"
        "build_parser()\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout == "['dispatch']\n"
