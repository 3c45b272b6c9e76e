"""Every wire format that a scripted model speaks: what our loop uses, and vendors' programs."""

from collections.abc import Mapping
from typing import Final

from .gemini import GEMINI, GEMINI_PLAIN
from .responses import RESPONSES
from .wire import ANTHROPIC, OPENAI, Wire

WIRES: Final[Mapping[str, Wire]] = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "responses": RESPONSES,
    "gemini": GEMINI,
    "gemini-plain": GEMINI_PLAIN,
}
