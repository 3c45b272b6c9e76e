"""Agents that look for secrets in a whole run: none is in anything that the run made or sent."""

import re
from base64 import b64encode
from pathlib import Path

import pytest
from attrs import evolve
from fakes.child_program import Ended, Program, document
from fakes.git_repos import User
from fakes.tally_user import KEY, KEY_VARIABLE, set_models, tally_script, tally_user

from dispatch.agents.scripted.script import Call, Reply, Request
from dispatch.agents.scripted.thread import ServerThread

RUN = "tally-run"
OTHER = "other-run"


def _canary(name: str) -> str:
    """Shaped like nothing but itself."""
    return f"canary{name}7f3c9b21d4e8"


# Variables of the operator's: a value must be nowhere, whoever reads it where.
VARIABLES = {
    KEY_VARIABLE: KEY,
    "ANTHROPIC_API_KEY": _canary("anthropic"),
    "OPENAI_APIKEY": _canary("openai"),
    "GITHUB_TOKEN": _canary("github"),
    "AWS_SECRET_ACCESS_KEY": _canary("aws"),
    "DB_PASS": _canary("database"),
    "SESSION_COOKIE": _canary("cookie"),
    "npm_config_token": _canary("npm"),
    "LLM_CREDENTIALS_JSON": '{\n  "private": "' + _canary("json") + '"\n}',
}
# Variables whose names say nothing: they reach no command, so nobody can print them.
UNNAMED = {"MY_LLM_THING": _canary("unnamed")}
BASIC = b64encode(f"una:{_canary('basic')}".encode()).decode()
# Files of the home with keys in their usual shapes: redacted wherever they are printed.
HOME = {
    ".ssh/id_ed25519": (
        "-----BEGIN OPENSSH PRIVATE KEY-----\n"
        f"{_canary('ssh')}AAAAB3NzaC1\n-----END OPENSSH PRIVATE KEY-----\n"
    ),
    ".netrc": f"machine git.example.net login una password {_canary('netrc')}\n",
    ".npmrc": f"//registry.example.net/:_authToken={_canary('npmrc')}\n",
    ".aws/credentials": f"[default]\naws_secret_access_key = {_canary('awsfile')}{'x' * 10}\n",
    ".config/gh/hosts.yml": f"github.com:\n    oauth_token: {_canary('gh')}\n",
    ".docker/config.json": '{"auths": {"x": {"auth": "' + _canary("docker") + '"}}}\n',
    ".gitconfig": (
        f'[http]\n\textraheader = AUTHORIZATION: basic {BASIC}\n[url "https://una:'
        f'{_canary("insteadof")}@git.example.net/"]\n\tinsteadOf = gh:\n'
    ),
}
# What no shape tells: it is out of reach where commands are held, and only there.
UNSHAPED = {
    ".cargo/credentials.toml": f'[registry]\ntoken = "{_canary("cargo")}"\n',
    "notes.txt": f"the word is {_canary('notes')}\n",
}
REMOTE = f"https://una:{_canary('remote')}@git.example.net/tally.git"
COMMANDS = (
    "env; set; export -p",
    "cat /proc/*/environ | tr '\\0' '\\n'",
    "cat /proc/*/cmdline | tr '\\0' ' '",
    "git config --list --show-origin; git remote -v; git -C {root} config --list",
    "cat {root}/.git/config",
    "cat {files}",
    "cat ~/.netrc ~/.npmrc ~/.ssh/* ~/.aws/* ~/.gitconfig",
    "find {home} -type f -size -9k | head -200 | xargs cat",
    "cat {root}/dispatch/{other}/run-state.yaml; cat {root}/dispatch/*/*.yaml",
    "printf '%s' ${{ANTHROPIC_API_KEY}}; python3 echo.py",
)
ECHO = """\
import os, pathlib
for name, value in os.environ.items():
    print(name, value)
for path in {files!r}:
    try:
        print(pathlib.Path(path).read_text())
    except OSError as error:
        print(error)
"""


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody with secrets in all the usual places."""
    user = tally_user(tmp_path / "user")
    user.write({"echo.py": ECHO.format(files=[str(user.home / name) for name in HOME | UNSHAPED])})
    user.git("add", "echo.py")
    user.git("commit", "-qm", "It prints what it finds.", "--", "echo.py")
    user.git("remote", "add", "origin", REMOTE)
    user.git("config", "http.extraheader", f"Authorization: Bearer {_canary('header')}")
    for name, text in (HOME | UNSHAPED).items():
        path = user.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    other = user.root / "dispatch" / OTHER
    other.mkdir(parents=True)
    (other / "run-state.yaml").write_text(f"name: {_canary('state')}\n")
    return user


@pytest.mark.parametrize("options", [(), ("--no-sandbox",)], ids=["sandbox", "no sandbox"])
def test_no_secret_is_in_anything_that_a_run_makes_or_sends(
    user: User, options: tuple[str, ...]
) -> None:
    """[TR-06] [IM-07] Its agents try what they can: commands, file tools, a file that prints.

    Without a sandbox they read the files; what no shape tells shows that they do.
    """
    home = user.home
    files = [str(home / name) for name in HOME | UNSHAPED]
    words = {"root": user.root, "home": home, "other": OTHER, "files": " ".join(files)}
    reads = (*files, f"../../{OTHER}/run-state.yaml", "/proc/self/environ", ".git/config", ".git")
    script = tally_script()
    rule = script.rule("1a-lines turn 1")
    assert isinstance(rule.reply, Reply)
    looks = (
        *(_shell(f"({command.format(**words)}) 2>&1; true") for command in COMMANDS),
        *(Call(name="read_file", arguments={"path": path}) for path in reads),
        Call(name="grep", arguments={"pattern": "canary", "path": str(home)}),
    )
    rule.reply = evolve(rule.reply, calls=(*rule.reply.calls, *looks))
    program = Program(user, VARIABLES | UNNAMED)
    with ServerThread(script) as server:
        set_models(user, server.url, "openai")
        ended = program.run(RUN, *options)
        requests = server.requests
    assert (ended.code, ended.err.count("ERROR")) == (0, 0)
    everything = _everything(user, requests, ended)
    _assert_nowhere(everything, [*VARIABLES.values(), _canary("json")])
    # Whatever holds commands: a shape is known wherever it is printed.
    _assert_nowhere(everything, [*_canaries(HOME), BASIC, _canary("remote"), _canary("header")])
    if _is_confined(user):
        _assert_nowhere(everything, [*_canaries(UNSHAPED), *UNNAMED.values(), _canary("state")])
    else:
        transcripts = "".join(text for name, text in everything.items() if "transcript" in name)
        assert _canary("notes") in transcripts
        assert transcripts.count("[redacted:") > len(HOME)


def _shell(command: str) -> Call:
    return Call(name="run_shell", arguments={"command": command, "timeout": 60})


def _canaries(files: dict[str, str]) -> list[str]:
    return re.findall(r"canary[a-z]+7f3c9b21d4e8", "".join(files.values()))


def _is_confined(user: User) -> bool:
    sandboxes = document(user, RUN)["sandboxes"]
    assert isinstance(sandboxes, list)
    return all(each["tier"] != "none" for each in sandboxes)


def _everything(user: User, requests: tuple[Request, ...], ended: Ended) -> dict[str, str]:
    """Each thing that was made or sent, by what it is called."""
    folder = user.root / "dispatch" / RUN
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes().decode(errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    found["stdout"], found["stderr"] = ended.out, ended.err
    found["commits"] = user.git("log", "--all", "-p", "--notes=*", "--format=fuller")
    for number, request in enumerate(requests):
        found[f"request {number}"] = f"{request.raw}"
    return found


def _assert_nowhere(everything: dict[str, str], secrets: list[str]) -> None:
    places = {
        (secret, place)
        for secret in secrets
        for place, text in everything.items()
        if secret in text
    }
    assert sorted(places) == []
