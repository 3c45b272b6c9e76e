"""Print the manual page dispatch(1), made from the parser; ``make docs`` keeps it in share/."""

import os
from pathlib import Path

from argparse_manpage.manpage import Manpage

from dispatch import __version__
from dispatch.commands.command_line import FIRST_STEPS, build_parser
from dispatch.state.errors import EXIT_MEANING

os.environ["COLUMNS"] = "80"  # usages are wrapped to the width of the terminal

page = Manpage(build_parser(), format="single-commands-section")
page.date = ""  # the page must not change from day to day
page.source = f"dispatch {__version__}"
page.manual = "User Commands"
page.description = "carry out a Markdown spec with many AI coding agents"
examples = (line.replace("-", "\\-") for line in FIRST_STEPS)
page.add_section("EXAMPLES", "=", "\n".join((".EX", *examples, ".EE")))
codes = (f".TP\n.B {code.value}\n{meaning}" for code, meaning in EXIT_MEANING.items())
page.add_section("EXIT STATUS", "=", "\n".join(codes))
page.parse_include(Path(__file__).parent.parent / "share" / "dispatch.inc")
print(page, end="")
