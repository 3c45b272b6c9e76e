"""The settings as documents describe them: what each key means, its JSON schema, its table."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import fields, frozen

from ..agents.schema import Schema, schema
from ..state.codec import unstructure
from ..state.config import (
    Candidate,
    Candidates,
    Config,
    LanguageServer,
    LanguageServers,
    ModelConfig,
    Price,
    Provider,
    RaceConfig,
)
from ..state.config_file import (
    ADAPTERS,
    MAX_ENTRANTS,
    MAX_PARALLEL,
    MAX_SERVER_WAIT,
    only_place,
)
from ..state.enums import HubStrategy
from ..state.hubs import HubFile
from ..state.invariants import COMMIT_STRATEGY

SCHEMA_DIALECT: Final = "http://json-schema.org/draft-07/schema#"
ANY_KEY: Final = "MODEL"  # stands for the keys that users choose
EACH: Final = "[]"  # stands for the items of a list
# Texts of which the loader takes these only.
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "commitStrategy": (COMMIT_STRATEGY,),
    "provider.adapter": ADAPTERS,
}
_WORDS: Final = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}

MEANINGS: Final[Mapping[str, str]] = {
    "buildGate": "commands that must succeed for the tree to be good, run in order",
    "modelConfig": "the model of each role",
    "modelConfig.planner": "turns the spec into tasks",
    "modelConfig.implementer": "carries out a task",
    "modelConfig.critic": "reviews one task",
    "modelConfig.gateCritic": "judges a whole level",
    "modelConfig.greybeard": "rules on moderate deviations from the plan",
    "modelConfig.attribution": "says which task a new failure comes from",
    "modelConfig.fixAgent": "repairs what a review or the build gate found",
    "fallback": "models that take over when a role's own cannot do the work, in this order",
    "fallback.planner": "for the planner",
    "fallback.implementer": "for implementers",
    "fallback.critic": "for critics",
    "fallback.gateCritic": "for the gate critic",
    "fallback.greybeard": "for the greybeard",
    "fallback.attribution": "for the attribution",
    "fallback.fixAgent": "for fix agents",
    "executors": "the program that carries out a role's attempts: `claude`, `codex`, `opencode`, "
    "`gemini`, `ax` or `command`; null: our own loop",
    "executors.planner": "for the planner",
    "executors.implementer": "for implementers",
    "executors.critic": "for critics",
    "executors.gateCritic": "for the gate critic",
    "executors.greybeard": "for the greybeard",
    "executors.attribution": "for the attribution",
    "executors.fixAgent": "for fix agents",
    "agentTypes": "what implementers of one type get instead; null: what the role has",
    "agentTypes.intern": "implementers of simple tasks",
    "agentTypes.intern.executor": "the program, or `litellm` for our own loop",
    "agentTypes.intern.model": "the model",
    "agentTypes.general": "implementers of most tasks",
    "agentTypes.general.executor": "the program, or `litellm` for our own loop",
    "agentTypes.general.model": "the model",
    "agentTypes.explore": "implementers that only read",
    "agentTypes.explore.executor": "the program, or `litellm` for our own loop",
    "agentTypes.explore.model": "the model",
    "commandExecutor": "the program behind the executor `command`, which speaks our hand-off; only "
    "in your own file",
    "commandExecutor.argv": "its words; it is started without a shell",
    "commandExecutor.network": "the only hosts that it reaches",
    "commandExecutor.keyVariable": "the environment variable that holds a key for it alone",
    "commandExecutor.baseURL": "where that key is taken: the program asks us, and we add the key",
    "commandExecutor.resumes": "whether it can go on with a session that was cut off",
    "provider": "a compatible endpoint; without it, model names are litellm's",
    "provider.baseURL": "where the endpoint is",
    "provider.adapter": "the wire format of the endpoint",
    "provider.apiKeyEnv": "the environment variable that holds the key",
    "commitStrategy": "one commit for each task; there is no other strategy",
    "maxParallel": f"how many agents work at a time, at most {MAX_PARALLEL}",
    "isolation": "a worktree for each task, or one for all tasks of a level",
    "setup": "commands run in each new worktree before anything else",
    "share": "ignored paths, such as node_modules, copied into each new worktree",
    "hubFiles": "files that many tasks change, and how they are joined; the first that matches "
    "holds",
    "hubFiles[].glob": "which files; without a slash it is matched against the last name",
    "hubFiles[].strategy": "`union`: the lines of both sides are kept; `regenerate`: made anew; "
    "`serialise`: tasks that name it work one after the other",
    "hubFiles[].command": "what makes the file anew; for `regenerate` only",
    "commandTimeoutSeconds": "after how many seconds a command is ended",
    "outputLimitBytes": "how much of a command's output is kept",
    "limits": "what one attempt of an agent may use; null: no limit of that kind",
    "limits.turns": "model turns",
    "limits.tokens": "input and output tokens together",
    "limits.usd": "US dollars",
    "limits.wallSeconds": "seconds from its start",
    "limits.silenceSeconds": "seconds without any progress",
    "taskLimits": "what all attempts of one task may use together; null: no cap of that kind",
    "taskLimits.turns": "model turns",
    "taskLimits.tokens": "input and output tokens together",
    "taskLimits.usd": "US dollars",
    "taskLimits.wallSeconds": "seconds of its agents at work",
    "runLimits": "what the run may use in all; null: no cap of that kind",
    "runLimits.turns": "model turns",
    "runLimits.tokens": "input and output tokens together",
    "runLimits.usd": "US dollars",
    "runLimits.wallSeconds": "seconds of the program at work, over all starts",
    "maxQuotaWaitSeconds": "how long a spent allowance is waited for when the provider says until "
    "when; beyond it a fallback takes over",
    "routing": "what is made of advice from past runs on who does which work: `off`, `advise` (it "
    "is in the report) or `auto` (it is carried out)",
    "candidates": "who else could do a role's work, each a `model` and, for another program, its "
    "`executor`; the routing chooses from the role's own model and these",
    "candidates.planner": "for the planner",
    "candidates.planner[].model": "a model",
    "candidates.planner[].executor": "the program that runs it; null: our own loop",
    "candidates.implementer": "for implementers",
    "candidates.implementer[].model": "a model",
    "candidates.implementer[].executor": "the program that runs it; null: our own loop",
    "candidates.critic": "for critics",
    "candidates.critic[].model": "a model",
    "candidates.critic[].executor": "the program that runs it; null: our own loop",
    "candidates.gateCritic": "for the gate critic",
    "candidates.gateCritic[].model": "a model",
    "candidates.gateCritic[].executor": "the program that runs it; null: our own loop",
    "candidates.greybeard": "for the greybeard",
    "candidates.greybeard[].model": "a model",
    "candidates.greybeard[].executor": "the program that runs it; null: our own loop",
    "candidates.attribution": "for the attribution",
    "candidates.attribution[].model": "a model",
    "candidates.attribution[].executor": "the program that runs it; null: our own loop",
    "candidates.fixAgent": "for fix agents",
    "candidates.fixAgent[].model": "a model",
    "candidates.fixAgent[].executor": "the program that runs it; null: our own loop",
    "race": "which tasks several implementers carry out at once, each in a tree of its own; the "
    "best work is taken, the rest is kept beside it and paid for",
    "race.n": f"how many, at most {MAX_ENTRANTS}; 1: no task is raced but by the plan's own word",
    "race.executors": "who they are, given out in turn; none: who the task would have had",
    "race.executors[].model": "a model",
    "race.executors[].executor": "the program that runs it; null: our own loop",
    "race.agentTypes": "tasks of these types; those that only explore are never raced",
    "race.classes": "tasks of these classes",
    "prices": "US dollars per million tokens, for models whose price is not known",
    "prices.MODEL.input": "tokens sent",
    "prices.MODEL.output": "tokens received",
    "prices.MODEL.cached": "tokens sent that the provider had cached",
    "authorName": "who stands on commits; null: the repository's user.name",
    "authorEmail": "null: the repository's user.email",
    "notify": "words of a command that gets each question as JSON",
    "escalationTimeoutSeconds": "how long an answer is waited for; null: for ever",
    "attributionRuns": "commands run again, per round, to find who broke the build gate; 0: none",
    "sandbox": "what commands of agents and of the repository may reach and use",
    "sandbox.network": "hosts that any command may reach",
    "sandbox.setupNetwork": "hosts that the commands of `setup` may reach besides",
    "sandbox.readOnly": "folders that commands may read besides the toolchains that are found",
    "sandbox.processes": "how many processes a command may have at a time",
    "sandbox.memoryBytes": "private memory of a process",
    "sandbox.fileBytes": "the size of a file that a command writes",
    "sandbox.cpuSeconds": "seconds of computing of a process",
    "languageServers": "what tells agents of errors in the files that they change",
    "languageServers.find": "take those that are on the search path of commands, too",
    "languageServers.waitSeconds": f"how long an edit waits for them, at most {MAX_SERVER_WAIT:g}; "
    "0: errors are told only when an agent asks",
    "languageServers.servers": "those that come first",
    "languageServers.servers[].argv": "the words of one; it is started without a shell",
    "languageServers.servers[].suffixes": "the ends of the names of files that it knows",
    "verifySubmissions": "run the task's commands, or the build gate, on each submission",
}


@frozen(kw_only=True)
class Setting:
    """One key: its dotted path, its type in words, its default as JSON, what it means.

    ``default`` is empty for a key that must be there, and for one whose own keys have defaults;
    ``place`` is empty when either file may have it.
    """

    path: str
    kind: str
    required: bool
    default: str
    meaning: str
    place: str


def config_schema() -> Schema:
    """The JSON schema of ``dispatch-config.yaml``, in the dialect that editors take."""
    whole = schema(Config)
    for path, node, required in _walk(whole):
        node["description"] = sentence(MEANINGS[path])
        if not required:
            node["default"] = _default(path)
    title = {"$schema": SCHEMA_DIALECT, "title": "dispatch-config.yaml"}
    return {**title, **whole}


def settings() -> tuple[Setting, ...]:
    """Every key in the order of the classes, each before those that are in it."""
    return tuple(
        Setting(
            path=path,
            kind=_kind(node),
            required=required,
            default="" if required else _shown(_default(path)),
            meaning=MEANINGS[path],
            place=only_place(path),
        )
        for path, node, required in _walk(schema(Config))
    )


def settings_table() -> str:
    """Every key as a row of a Markdown table."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for each in settings():
        meaning = "; ".join(text for text in (each.meaning, each.place) if text)
        rows.append(f"| `{each.path}` | {default_cell(each)} | {meaning} |")
    return "\n".join(rows)


def default_cell(setting: Setting) -> str:
    """A key's default in a cell of a Markdown table."""
    if setting.required:
        return "required"
    return f"`{setting.default}`" if setting.default else "below"


def sentence(text: str) -> str:
    """A meaning as a sentence."""
    return f"{text[:1].upper()}{text[1:]}."


def _kind(node: Schema) -> str:
    """The type of a value in words."""
    if "anyOf" in node:
        return " or ".join(_kind(part) for part in node["anyOf"])
    if "enum" in node:
        return " or ".join(f"`{value}`" for value in node["enum"])
    if node["type"] == "array":
        return f"list of {_kind(node['items'])}s"
    return _WORDS.get(node["type"], "mapping")


def _shown(default: object) -> str:
    if isinstance(default, dict) and default:
        return ""
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    return json.dumps(default)


def _walk(node: Schema, above: str = "") -> Iterator[tuple[str, Schema, bool]]:
    """Each key's path, its schema and whether it must be there, in the order of the classes."""
    for key, inner in node.get("properties", {}).items():
        path = f"{above}{key}"
        if path in _CHOICES:
            inner["enum"] = list(_CHOICES[path])
        yield path, inner, key in node["required"]
        for part in (inner, *inner.get("anyOf", ())):
            yield from _walk(part, f"{path}.")
            if isinstance(part.get("additionalProperties"), dict):
                yield from _walk(part["additionalProperties"], f"{path}.{ANY_KEY}.")
            yield from _walk(part.get("items", {}), f"{path}{EACH}.")


def _default(path: str) -> Any:
    """What a key is when it is left out."""
    models = ModelConfig(**{each.name: "" for each in fields(ModelConfig)})
    inside = "." in path
    one = (Candidate(model=""),) if EACH in path else ()
    server = (LanguageServer(argv=(), suffixes=()),) if EACH in path else ()
    value: Any = unstructure(
        Config(
            build_gate=(),
            model_config=models,
            provider=Provider(base_url="", adapter="") if inside else None,
            hub_files=(HubFile(glob="", strategy=HubStrategy.UNION),) if inside else (),
            prices={ANY_KEY: Price(input=0, output=0)} if inside else {},
            language_servers=LanguageServers(servers=server),
            candidates=Candidates(**{each.name: one for each in fields(Candidates)}),
            race=RaceConfig(executors=one),
        )
    )
    for key in path.split("."):
        name = key.removesuffix(EACH)
        value = value[name][0] if name != key else value[name]
    return value
