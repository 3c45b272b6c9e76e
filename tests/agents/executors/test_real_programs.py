"""The vendors' own programs do what their executors rely on: a scripted model, and no vendor."""

import json
from pathlib import Path

import pytest
from fakes.vendor_programs import DIALECTS, SECRET, SESSION, World, turns, until_accepted

from dispatch.agents.delegated.gateway import KEY_HEADERS
from dispatch.agents.executors.delegation import Ending, SessionBegan, TurnEnded
from dispatch.agents.scripted.script import Reply
from dispatch.state.enums import AttemptOutcome

DONE = Reply(text="That is all.")
GOOD = {"summary": "wrote it"}
BEARER = f"Bearer {SECRET}"
CANARY = "the-canary-sang"
INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")


@pytest.fixture(params=DIALECTS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(name=str(request.param), root=tmp_path)


def test_a_wrong_answer_is_repaired_and_taken(world: World) -> None:
    say = world.dialect
    script = turns(say.run("echo hi > hello.txt"), say.hand_in(note="x"), say.hand_in(**GOOD), DONE)
    ended = world.run(script)
    assert ended.ending == Ending(outcome=AttemptOutcome.OK)
    assert ended.answer == GOOD
    assert world.files() == ["hello.txt"]
    used = [event.usage for event in ended.events if isinstance(event, TurnEnded)]
    assert sum(usage.input_tokens for usage in used) == 40
    assert sum(usage.output_tokens for usage in used) == 20
    assert {usage.cost_usd for usage in used} == {None}  # nobody has a price for such a model
    first = world.asked[0]
    assert "You are the tested one." in first.system
    assert "Create hello.txt." in first.text
    assert [request.turn for request in world.asked if request.tools] == [0, 1, 2, 3]
    # Ours refused it, or the program by our schema.
    said = world.asked[-2].text
    assert "rejected: summary is missing" in said or "must have required property" in said


def test_stopping_without_an_answer_is_no_success(world: World) -> None:
    """Every program ends with exit code 0 then."""
    ended = world.run(turns(DONE))
    assert ended.ending.outcome is AttemptOutcome.NO_OUTPUT
    assert ended.answer is None


def test_a_dead_server_of_tools_is_told(world: World) -> None:
    ended = world.run(turns(DONE), hand_off=("/bin/false",))
    if not world.dialect.tells_of_tools:
        assert ended.ending.outcome is AttemptOutcome.NO_OUTPUT
        return
    assert ended.ending.outcome is AttemptOutcome.CRASHED
    assert "dispatch" in ended.ending.message or "MCP" in ended.ending.message


def test_a_key_that_is_not_taken_is_told_as_such(world: World) -> None:
    refused = Reply(status=401, error="invalid key", error_type="authentication_error")
    ended = world.run(turns(refused))
    assert ended.ending.outcome is AttemptOutcome.PROVIDER_AUTH
    assert SECRET not in repr(ended)


def test_commands_do_not_get_the_key(world: World) -> None:
    """What they get still carries the mark by which survivors are found."""
    world.run(turns(world.dialect.run("env > seen.txt"), DONE))
    seen = (world.tree / "seen.txt").read_text()
    assert "DISPATCH_COMMAND=the-mark" in seen
    assert SECRET not in seen


@pytest.mark.parametrize(
    ("name", "variable", "model", "header"),
    [
        ("claude", "ANTHROPIC_API_KEY", "claude-sonnet-4-5", ("x-api-key", SECRET)),
        ("claude", "CLAUDE_CODE_OAUTH_TOKEN", "claude-sonnet-4-5", ("authorization", BEARER)),
        ("codex", "OPENAI_API_KEY", "gpt-5.2", ("authorization", BEARER)),
        ("gemini", "GEMINI_API_KEY", "gemini-2.5-pro", ("x-goog-api-key", SECRET)),
        ("opencode", "ANTHROPIC_API_KEY", "anthropic/claude-sonnet-4-5", ("x-api-key", SECRET)),
        ("opencode", "OPENAI_API_KEY", "openai/gpt-5.2", ("authorization", BEARER)),
    ],
)
def test_a_vendor_s_model_is_asked_where_we_say_with_the_key_in_a_header_that_we_know(
    tmp_path: Path, name: str, variable: str, model: str, header: tuple[str, str]
) -> None:
    """So that it can be asked through us, who put the key there; nobody else is asked."""
    world = World(name=name, root=tmp_path)
    script = turns(world.dialect.hand_in(**GOOD), DONE)
    ended = world.run(script, model=model, key_variable=variable)
    assert ended.ending == Ending(outcome=AttemptOutcome.OK)
    for request in world.asked:
        said = {key: request.headers[key] for key in KEY_HEADERS if key in request.headers}
        assert said == dict([header])


def test_a_killed_session_is_gone_on_with(world: World) -> None:
    """And what is used is told with the turns before, or without, as the capabilities say."""
    say = world.dialect
    begun = world.tree / "begun"
    # A second: Claude Code writes its session down a moment after it has begun with it.
    slow = turns(say.run("echo 1 > one.txt"), say.run("sleep 1; echo 2 > begun; exec sleep 60"))
    killed = world.run(slow, kill_when=begun)
    assert killed.ending.outcome is AttemptOutcome.CRASHED
    session = next(each.session for each in killed.events if isinstance(each, SessionBegan))
    if world.executor.capabilities.chooses_session:
        assert session == SESSION
    rest = until_accepted(say.hand_in(**GOOD))
    ended = world.run(rest, resume=session, prompt="You were interrupted. Go on.")
    assert ended.ending == Ending(outcome=AttemptOutcome.OK)
    again = next(each.session for each in ended.events if isinstance(each, SessionBegan))
    assert again == session
    first = next(request for request in world.asked if request.tools)
    assert "echo 1 > one.txt" in json.dumps(first.raw)
    assert "You were interrupted. Go on." in first.text
    used = [event.usage for event in ended.events if isinstance(event, TurnEnded)]
    own = sum(10 for request in world.asked if request.tools)
    is_cumulative = world.executor.capabilities.usage_is_cumulative
    assert (sum(usage.input_tokens for usage in used) > own) is is_cumulative


def test_a_session_that_never_was_is_not_gone_on_with(world: World) -> None:
    ended = world.run(turns(DONE), resume="77777777-2222-4333-8444-555555555555")
    assert ended.ending.outcome is not AttemptOutcome.OK
    assert not any(isinstance(event, TurnEnded) and event.usage.turns > 1 for event in ended.events)


def test_nothing_that_the_repository_brings_is_started_or_read(world: World) -> None:
    """Hooks, settings, servers of tools, plugins and instructions of every program."""
    sings = f"touch {world.root / CANARY}"
    _plant(world.tree, sings)
    say = world.dialect
    planted = world.files()
    ended = world.run(turns(say.run("echo hi > hello.txt"), say.hand_in(**GOOD), DONE))
    assert ended.ending == Ending(outcome=AttemptOutcome.OK)
    assert not (world.root / CANARY).exists()
    assert world.files() == sorted([*planted, "hello.txt"])
    read = "".join(json.dumps(request.raw) for request in world.asked)
    assert {name for name in INSTRUCTIONS if f"{name}: {CANARY}" in read} == set(say.reads)
    assert read.count(CANARY) == len(say.reads) * sum(bool(each.tools) for each in world.asked)
    assert not any("canary" in tool for request in world.asked for tool in request.tools)


def _plant(tree: Path, command: str) -> None:
    """Everything by which a repository tells one of the programs to start something."""
    words = ["/bin/sh", "-c", command]
    server = {"command": words[0], "args": words[1:]}
    hook = [{"matcher": "*", "hooks": [{"type": "command", "command": command}]}]
    claude = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
    gemini = ("SessionStart", "BeforeAgent", "BeforeModel", "BeforeTool", "AfterTool", "SessionEnd")
    toml = json.dumps(words)
    texts = {
        ".mcp.json": {"mcpServers": {"canary": server}},
        ".claude/settings.json": {
            "hooks": dict.fromkeys(claude, hook),
            "enableAllProjectMcpServers": True,
            "apiKeyHelper": command,
            "env": {"CANARY": CANARY},
            "statusLine": {"type": "command", "command": command},
        },
        ".claude/settings.local.json": {"enableAllProjectMcpServers": True},
        ".claude/skills/canary/SKILL.md": f"---\nname: canary\ndescription: {CANARY}\n---\n",
        ".codex/config.toml": (
            f"notify = {toml}\n[mcp_servers.canary]\ncommand = {toml[1:-1].split(', ')[0]}\n"
            f"args = {json.dumps(words[1:])}\n"
        ),
        ".codex/hooks.json": {"hooks": dict.fromkeys(claude, hook)},
        ".codex/skills/canary/SKILL.md": f"---\nname: canary\ndescription: {CANARY}\n---\n",
        ".agents/skills/canary/SKILL.md": f"---\nname: canary\ndescription: {CANARY}\n---\n",
        ".gemini/settings.json": {
            "mcpServers": {"canary": {**server, "trust": True}},
            "hooksConfig": {"enabled": True},
            "hooks": dict.fromkeys(gemini, hook),
            "tools": {"discoveryCommand": command, "callCommand": command},
        },
        ".gemini/.env": f"CANARY={CANARY}\n",
        "opencode.json": {
            "mcp": {"canary": {"type": "local", "command": words, "enabled": True}},
            "instructions": ["AGENTS.md"],
        },
        ".opencode/plugin/canary.js": (
            "import { execSync } from 'node:child_process'\n"
            f"execSync({json.dumps(command)})\nexport const Canary = async () => ({{}})\n"
        ),
        **{name: f"{name}: {CANARY}\n" for name in INSTRUCTIONS},
    }
    for name, text in texts.items():
        place = tree / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
