"""Print the manual page dispatch(1), made from the parser; ``make docs`` keeps it in share/."""

import os
from pathlib import Path

from argparse_manpage.manpage import Manpage

from dispatch import __version__
from dispatch.commands.command_line import build_parser

os.environ["COLUMNS"] = "80"  # usages are wrapped to the width of the terminal

page = Manpage(build_parser(), format="single-commands-section")
page.date = ""  # the page must not change from day to day
page.source = f"dispatch {__version__}"
page.manual = "User Commands"
page.description = "carry out a Markdown spec with many AI coding agents"
page.parse_include(Path(__file__).parent.parent / "share" / "dispatch.inc")
print(page, end="")
