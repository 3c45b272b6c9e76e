"""Which language server is for which files, and what the protocol calls their languages."""

from collections.abc import Callable, Mapping
from typing import Final

from ...state.config import LanguageServer, LanguageServers

_PYTHON: Final = (".py", ".pyi")
_SCRIPTS: Final = (".cjs", ".cts", ".js", ".jsx", ".mjs", ".mts", ".ts", ".tsx")

# Looked for in this order, never fetched; the first that is there holds for a suffix.
KNOWN: Final = (
    LanguageServer(argv=("pyright-langserver", "--stdio"), suffixes=_PYTHON),
    LanguageServer(argv=("ruff", "server"), suffixes=_PYTHON),
    LanguageServer(argv=("typescript-language-server", "--stdio"), suffixes=_SCRIPTS),
    LanguageServer(argv=("gopls",), suffixes=(".go",)),
    LanguageServer(argv=("rust-analyzer",), suffixes=(".rs",)),
)
LINTERS: Final = frozenset({"ruff"})  # of these: they find errors, and no definitions
_LANGUAGES: Final[Mapping[str, str]] = {
    ".cjs": "javascript",
    ".cts": "typescript",
    ".h": "c",
    ".hpp": "cpp",
    ".js": "javascript",
    ".jsx": "javascriptreact",
    ".mjs": "javascript",
    ".mts": "typescript",
    ".py": "python",
    ".pyi": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
}


def servers_here(
    config: LanguageServers, has: Callable[[str], bool]
) -> Mapping[str, LanguageServer]:
    """The server of each suffix, of those whose program is there (``has``)."""
    found: dict[str, LanguageServer] = {}
    for server in (*config.servers, *(KNOWN if config.find else ())):
        if has(server.argv[0]):
            found.update({suffix: server for suffix in server.suffixes if suffix not in found})
    return dict(sorted(found.items()))


def language_of(suffix: str) -> str:
    """What the protocol calls the language of files with that suffix."""
    return _LANGUAGES.get(suffix, suffix.removeprefix("."))


def name_of(server: LanguageServer) -> str:
    """A server's name for a sentence."""
    return server.argv[0].rpartition("/")[2]
