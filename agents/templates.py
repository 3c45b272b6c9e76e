"""The prompts in ``prompts/``, rendered strictly: a missing value is an error, never a gap."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .fencing import fenced, inline

_FOLDER = Path(__file__).parent / "prompts"


def render(name: str, **values: object) -> str:
    """The prompt ``<name>.md`` with its values; raises jinja2.UndefinedError for a missing one."""
    return _environment().get_template(f"{name}.md").render(values).strip() + "\n"


@cache
def _environment() -> Environment:
    # Nothing is escaped for HTML: foreign values go through the two filters instead.
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["fenced"] = fenced
    environment.filters["inline"] = inline
    return environment
