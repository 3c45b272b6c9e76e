"""What a role may ask for when an agent is made ready: tools over its tree, guidance, evidence."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import field, frozen

from ..state.config import Limits
from ..state.durable import make_folder, replace
from ..state.redact import Redactor
from .guidance import collect
from .language import Servers
from .sandbox import CommandRunner
from .templates import render
from .tools import Tool, toolset

GUIDANCE: Final = "guidance.md"
EVIDENCE: Final = "evidence"  # subfolder of an attempt's folder


@frozen(kw_only=True)
class Workshop:
    """One attempt's; ``root`` is the tree the agent sees, ``folder`` the attempt's own.

    ``shared``: other agents work in the same tree at the same time.
    """

    root: Path
    folder: Path
    limits: Limits
    shared: bool
    commands: CommandRunner | None
    redactor: Redactor = field(factory=Redactor)
    servers: Servers | None = None  # of languages, as long as the attempt lasts

    def looking(self) -> tuple[Tool, ...]:
        """The reading tools, and what language servers know, where there are some."""
        return toolset(
            self.root, self.folder, writable=False, redactor=self.redactor, servers=self.servers
        )

    def reading(self, also: Iterable[Path] = ()) -> tuple[Tool, ...]:
        """``grep``, ``read_file`` and ``search_files``; ``also`` are files outside the tree."""
        return toolset(
            self.root, self.folder, writable=False, extra_files=also, redactor=self.redactor
        )

    def working(self) -> tuple[Tool, ...]:
        """The tools that look, and those that write and run."""
        return toolset(
            self.root,
            self.folder,
            writable=True,
            commands=self.commands,
            redactor=self.redactor,
            servers=self.servers,
        )

    def guidance(self) -> str:
        """What the repository tells those who work on it, as a part of a seed.

        As it was when the attempt began: the agent may have changed it since.
        """
        kept = self.folder / GUIDANCE
        if kept.exists():
            return kept.read_text(encoding="utf-8")
        text = render("guidance", guidance=collect(self.root)).strip()
        text = self.redactor.text(text.encode("utf-8", "backslashreplace").decode())
        make_folder(self.folder)
        replace(kept, text.encode())
        return text

    def evidence(self, name: str, text: str) -> Path:
        """Write a file that the agent may read, outside its tree; its absolute path."""
        folder = self.folder.absolute() / EVIDENCE
        make_folder(folder)
        replace(folder / name, self.redactor.text(text).encode("utf-8", "backslashreplace"))
        return folder / name
