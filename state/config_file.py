"""Reading ``dispatch-config.yaml``: every problem at once, each with its file and line."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, TypeGuard
from urllib.parse import urlsplit

import platformdirs
from attrs import evolve, frozen

from . import yaml_text
from .codec import Problem, ShapeError, structure_strict
from .config import Config
from .durable import read_regular
from .enums import HubStrategy, Isolation
from .errors import ConfigError
from .glob import Glob
from .invariants import COMMIT_STRATEGY
from .yaml_text import YamlError

CONFIG_FILE: Final = "dispatch-config.yaml"
SCHEMA_FILE: Final = "dispatch-config.schema.json"  # for editors; nothing reads it
ADAPTERS: Final = ("anthropic", "openai", "openai-compatible")
MAX_PARALLEL: Final = 64
MAX_ENTRANTS: Final = 8  # of one race
MAX_SERVER_WAIT: Final = 30.0  # seconds after an edit
MAX_BYTES: Final = 1024 * 1024
# What `dispatch init` writes where it recognises none.
UNFILLED_GATE: Final = "echo 'buildGate in dispatch-config.yaml has to be filled in'; exit 1"

_REPOSITORY_ONLY: Final = "buildGate"  # what is good is the repository's to say
# A repository must not choose what runs outside the sandbox, nor what is in it, nor whose past
# decides what is paid for.
_USER_ONLY: Final = frozenset(
    {"notify", "routing", "sandbox", "commandExecutor", "languageServers"}
)
_HINT: Final = "Correct it, then start again; `dispatch init` writes a file to start from."

Rule = Callable[[object], str | None]  # what is wrong with a value of the right type


@frozen
class _Source:
    """One file that was read; an absent one has no keys."""

    path: Path
    text: str
    keys: Mapping[str, object]


def load_config(root: Path, user_file: Path | None = None) -> Config:
    """The configuration of the repository at ``root``; raises ConfigError.

    A top-level key that the repository's file lacks is taken from ``user_file`` (default:
    ``~/.config/dispatch/config.yaml``), except for ``buildGate``.
    """
    repository = _read((root / CONFIG_FILE).absolute(), required=True)
    user = _read((user_file or default_user_file()).absolute(), required=False)
    return _config(repository, user)


def only_place(key: str) -> str:
    """The one file that may have a top-level key, in words; empty when both may."""
    if key == _REPOSITORY_ONLY:
        return f"only in the repository's {CONFIG_FILE}"
    return "only in your own file" if key in _USER_ONLY else ""


def default_user_file() -> Path:
    """The file of a user's own defaults."""
    return platformdirs.user_config_path("dispatch") / "config.yaml"


def _read(path: Path, *, required: bool) -> _Source:
    try:
        data = read_regular(path, MAX_BYTES)
    except OSError as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not required:
            return _Source(path, "", {})
        if isinstance(error, FileNotFoundError):
            hint = "`dispatch init` writes one to start from."
            raise ConfigError(f"There is no {path}.", hint=hint) from None
        raise ConfigError(f"Cannot read {path}: {error.strerror}.", hint=_HINT) from error
    try:
        if len(data) > MAX_BYTES:
            raise YamlError(1, f"larger than {MAX_BYTES // 1024} KiB")
        text = yaml_text.decode(data)
        raw = yaml_text.loads(text)
        if raw is not None and not isinstance(raw, dict):
            raise YamlError(1, "is not a mapping of keys")
    except YamlError as error:
        raise _invalid(path, (f"{path}:{error.line}: {error.what}",)) from error
    return _Source(path, text, raw or {})


def _config(repository: _Source, user: _Source) -> Config:
    """Both files as one configuration, or everything that is wrong with them."""
    gate = user.keys.keys() & {_REPOSITORY_ONLY}
    user = evolve(user, keys={key: user.keys[key] for key in user.keys.keys() - gate})
    foreign = repository.keys.keys() & _USER_ONLY
    raw = {**user.keys, **repository.keys}
    found = list(_broken_rules(raw))
    said = {problem.path for problem in found}
    config = None
    try:
        config = structure_strict(raw, Config)
    except ShapeError as error:
        found += [problem for problem in error.found if problem.path not in said]
    if config is not None and config.race.n > 1 and config.isolation is not Isolation.TASK:
        what = f"needs `isolation: {Isolation.TASK}`: each entrant has a tree of its own"
        found.append(Problem(("race",), what))
    lines = [_located(problem, repository, user) for problem in found]
    if gate:
        what = f"belongs into the repository's {CONFIG_FILE}, not here"
        lines.append(_located(Problem((_REPOSITORY_ONLY,), what), user, user))
    for key in foreign:
        what = f"belongs into your own {user.path}, not into the repository's file"
        lines.append(_located(Problem((key,), what), repository, repository))
    if config is None or lines:
        texts = tuple(f"{path}:{line}: {what}" for path, line, what in sorted(lines))
        raise _invalid(repository.path, texts) from ShapeError(found, CONFIG_FILE)
    return config


def _located(problem: Problem, repository: _Source, user: _Source) -> tuple[Path, int, str]:
    """The file and the line that a problem comes from, and the problem."""
    top = problem.path[0]
    source = user if top in user.keys and top not in repository.keys else repository
    line = yaml_text.line_of(yaml_text.lines(source.text), problem.path)
    return source.path, line, str(problem)


def _invalid(path: Path, lines: tuple[str, ...]) -> ConfigError:
    return ConfigError(f"invalid dispatch-config YAML: {path}", lines, _HINT)


def _broken_rules(raw: Mapping[str, object]) -> Iterator[Problem]:
    for pattern, rule in _RULES.items():
        for path, value in _matches(raw, pattern):
            if what := rule(value):
                yield Problem(path, what)


def _matches(
    value: object, pattern: tuple[str, ...], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """The parts of a value that a pattern names; ``*`` is any key or item."""
    if not pattern:
        yield path, value
    elif isinstance(value, dict):
        for key in sorted(value) if pattern[0] == "*" else pattern[:1]:
            if key in value:
                yield from _matches(value[key], pattern[1:], (*path, key))
    elif isinstance(value, list) and pattern[0] == "*":
        for index, item in enumerate(value):
            yield from _matches(item, pattern[1:], (*path, index))


def _not_empty(value: object) -> str | None:
    return "empty buildGate: at least one command is needed" if value == [] else None


def _not_blank(value: object) -> str | None:
    return "is blank" if isinstance(value, str) and not value.strip() else None


def _a_name(value: object) -> str | None:
    """Part of a commit's author, which git ends at an angle bracket or a line break."""
    if isinstance(value, str) and (not value.strip() or set(value) & set("<>\n\0")):
        return "must be a name without <, > or line breaks"
    return None


def _one_strategy(value: object) -> str | None:
    if value == COMMIT_STRATEGY:
        return None
    return f'is {json.dumps(value)}, but is locked to "{COMMIT_STRATEGY}": remove the key or fix it'


def _a_url(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    return None if good else f"{value!r} is not an http or https URL"


def _an_adapter(value: object) -> str | None:
    if not isinstance(value, str) or value in ADAPTERS:
        return None
    return f"{value!r} is not one of {', '.join(ADAPTERS)}"


def _absolute(value: object) -> str | None:
    if not isinstance(value, str) or PurePosixPath(value).is_absolute():
        return None
    return f"{value!r} is not an absolute path"


def _parallel(value: object) -> str | None:
    if type(value) is not int or 1 <= value <= MAX_PARALLEL:
        return None
    return f"{value} is not between 1 and {MAX_PARALLEL}"


def _entrants(value: object) -> str | None:
    if type(value) is not int or 1 <= value <= MAX_ENTRANTS:
        return None
    return f"{value} is not between 1 and {MAX_ENTRANTS}"


def _a_short_wait(value: object) -> str | None:
    if not _is_number(value) or 0 <= value <= MAX_SERVER_WAIT:
        return None
    return f"{value} is not between 0 and {MAX_SERVER_WAIT:g}"


def _words(value: object) -> str | None:
    return "names no program" if value == [] else None


def _a_suffix(value: object) -> str | None:
    if not isinstance(value, str) or (value.startswith(".") and len(value) > 1):
        return None
    return f"{value!r} is not the end of a name, such as .py"


def _is_number(value: object) -> TypeGuard[int | float]:
    return type(value) in (int, float)


def _positive(value: object) -> str | None:
    return f"{value} is not above 0" if _is_number(value) and value <= 0 else None


def _not_negative(value: object) -> str | None:
    return f"{value} is below 0" if _is_number(value) and value < 0 else None


def _a_glob(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        Glob(value)
    except ValueError as error:
        return f"{value!r} cannot be matched: {error}"
    return None


def _a_hub_file(value: object) -> str | None:
    if not isinstance(value, dict) or "strategy" not in value:
        return None
    strategy, regenerate = value["strategy"], HubStrategy.REGENERATE.value
    if (strategy == regenerate) == (value.get("command") is not None):
        return None
    if strategy == regenerate:
        return "needs a command that makes the file anew"
    return f"has a command, which only the strategy {regenerate} runs"


def _inside_the_tree(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    path = PurePosixPath(value)
    if path.is_absolute() or not path.parts or ".." in path.parts or path.parts[0] == ".git":
        return f"{value!r} is not a relative path inside the repository"
    return None


_RULES: Final[Mapping[tuple[str, ...], Rule]] = {
    ("buildGate",): _not_empty,
    ("buildGate", "*"): _not_blank,
    ("modelConfig", "*"): _not_blank,
    ("fallback", "*", "*"): _not_blank,
    ("executors", "*"): _not_blank,
    ("agentTypes", "*", "*"): _not_blank,
    ("commandExecutor", "argv", "*"): _not_blank,
    ("commandExecutor", "keyVariable"): _not_blank,
    ("commandExecutor", "baseURL"): _a_url,
    ("provider", "baseURL"): _a_url,
    ("provider", "adapter"): _an_adapter,
    ("provider", "apiKeyEnv"): _not_blank,
    ("commitStrategy",): _one_strategy,
    ("maxParallel",): _parallel,
    ("setup", "*"): _not_blank,
    ("share", "*"): _inside_the_tree,
    ("hubFiles", "*"): _a_hub_file,
    ("hubFiles", "*", "glob"): _a_glob,
    ("hubFiles", "*", "command"): _not_blank,
    ("commandTimeoutSeconds",): _positive,
    ("notify", "*"): _not_blank,
    ("sandbox", "*"): _positive,
    ("sandbox", "readOnly", "*"): _absolute,
    ("languageServers", "waitSeconds"): _a_short_wait,
    ("languageServers", "servers", "*", "argv"): _words,
    ("languageServers", "servers", "*", "argv", "*"): _not_blank,
    ("languageServers", "servers", "*", "suffixes", "*"): _a_suffix,
    ("escalationTimeoutSeconds",): _positive,
    ("outputLimitBytes",): _positive,
    ("attributionRuns",): _not_negative,
    ("limits", "*"): _positive,
    ("taskLimits", "*"): _positive,
    ("runLimits", "*"): _positive,
    ("maxQuotaWaitSeconds",): _not_negative,
    ("candidates", "*", "*", "model"): _not_blank,
    ("candidates", "*", "*", "executor"): _not_blank,
    ("race", "n"): _entrants,
    ("race", "executors", "*", "model"): _not_blank,
    ("race", "executors", "*", "executor"): _not_blank,
    ("prices", "*", "*"): _not_negative,
    ("authorName",): _a_name,
    ("authorEmail",): _a_name,
}
