"""The reference of ``dispatch-config.yaml``, made from the settings: Markdown and a manual page."""

import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from attrs import frozen

from ..state.config_file import CONFIG_FILE
from .config_examples import EXAMPLES
from .settings import Setting, default_cell, sentence, settings

USER_FILE: Final = "~/.config/dispatch/config.yaml"
INTRODUCTION: Final = (
    f"`{CONFIG_FILE}` in the root of a repository says how its runs are made. A top-level key that "
    f"it lacks is taken, whole, from your own `{USER_FILE}`.",
    "Keys that are not known are refused with the nearest known one, and everything that is wrong "
    "is said at once, with its file and line. Nothing is started before the file is right.",
    "`dispatch init` writes a file with comments, and its JSON schema beside it: with a YAML "
    "language server an editor completes keys and marks what is wrong. `dispatch doctor` says what "
    "is missing.",
)
_PAGE_HEAD: Final = """\
.SH NAME
dispatch\\-config \\- how dispatch works on a repository
.SH DESCRIPTION"""
_PAGE_TAIL: Final = """\
.SH SEE ALSO
.BR dispatch (1),
.BR git\\-config (1)"""


@frozen
class _Part:
    """A top-level key with the keys in it."""

    head: Setting
    inner: tuple[Setting, ...]


def as_markdown() -> str:
    """The reference as a Markdown document, without the final newline."""
    blocks = ["# Configuration", *INTRODUCTION]
    for part in _parts():
        head = part.head
        facts = [head.kind, f"default {default_cell(head)}", head.place]
        if head.required or not head.default:
            facts[1] = "required" if head.required else ""
        blocks += [f"## `{head.path}`", sentence(head.meaning)]
        blocks.append(sentence(", ".join(fact for fact in facts if fact)))
        if part.inner:
            blocks.append("\n".join(_table(part)))
        if example := EXAMPLES.get(head.path):
            blocks.append(f"```yaml\n{example}```")
    return "\n\n".join(blocks)


def as_manual() -> str:
    """The reference as the manual page dispatch-config(5), without the final newline."""
    title = f'.TH DISPATCH\\-CONFIG "5" "" "dispatch {version("dispatch")}" "File Formats"'
    lines = [title, _PAGE_HEAD, *(f".PP\n{_roff(text)}" for text in INTRODUCTION), ".SH KEYS"]
    for part in _parts():
        for each in (part.head, *part.inner):
            facts = [each.kind, "required" if each.required else "", each.place]
            if each.default:
                facts.append(f"default: {each.default}")
            said = "; ".join(fact for fact in facts if fact)
            lines += [".TP", f".B {_roff(each.path)}", _roff(f"{sentence(each.meaning)} ({said})")]
    lines.append(".SH EXAMPLES")
    for example in EXAMPLES.values():
        lines += [".PP", ".EX", *(_roff(line) for line in example.splitlines()), ".EE"]
    return "\n".join((*lines, _PAGE_TAIL))


def _parts() -> Iterator[_Part]:
    known = settings()
    for head in known:
        if "." not in head.path:
            inside = re.compile(rf"{re.escape(head.path)}(\[\])?\.")
            yield _Part(head, tuple(each for each in known if inside.match(each.path)))


def _table(part: _Part) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for each in part.inner:
        key = each.path.removeprefix(part.head.path).removeprefix("[]").lstrip(".")
        yield f"| `{key}` | {each.kind} | {default_cell(each)} | {each.meaning} |"


def _roff(text: str) -> str:
    """Text as roff shows it: quoted words in bold, nothing taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("~", "\\(ti")
    bold = re.sub(r"`([^`]*)`", r"\\fB\1\\fR", escaped)
    return f"\\&{bold}" if bold[:1] in (".", "'") else bold
