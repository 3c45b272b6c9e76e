"""What the real litellm does to a process, seen in children that load it."""

import subprocess
import sys
from pathlib import Path

PRELUDE = """
import sys
import dispatch.agents.executors, dispatch.agents.retry
from dispatch.agents.executors import litellm_client, scripted_client
assert "litellm" not in sys.modules and "aiohttp" not in sys.modules
"""

TALK = """
import asyncio, socket, threading
from dispatch.agents.model import ModelError
from dispatch.agents.scripted.script import Reply, Script, When
from dispatch.agents.scripted.server import ScriptedServer
from dispatch.state.config import Provider
from fakes.model_talk import ask, unheard

allowed, strangers = set(), []

def watch(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", b"127.0.0.1"):
        strangers.append((event, arguments[0]))
    if event == "socket.connect" and arguments[1] not in allowed:
        strangers.append((event, arguments[1]))

sys.addaudithook(watch)

async def main():
    script = Script()
    script.on("fine", When(model="local"), Reply(text="ok", usage=None), times=None)
    script.on("bad", When(model="broken"), Reply(status=500, error="no"), times=None)
    async with ScriptedServer(script) as server:
        allowed.add(("127.0.0.1", int(server.url.rpartition(":")[2])))
        clients = [
            litellm_client.LitellmClient(Provider(base_url=base, adapter=wire), "key-0123", {})
            for wire, base in (("openai", server.url + "/v1"), ("anthropic", server.url))
        ]
        await asyncio.gather(*(client.complete(ask("local"), unheard) for client in clients))
        for client in (*clients, litellm_client.LitellmClient(None, None, {})):
            try:
                await client.complete(ask("broken"), unheard)
            except ModelError:
                continue
            raise AssertionError("no error")
        for client in clients:
            await client.aclose()

asyncio.run(main())
assert not litellm_client.known_price("ollama/some-model", None, {})
assert strangers == [], strangers
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[1]
    return subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-c",
            f"import sys; sys.path.append({str(tests)!r})\n{code}",
        ],
        capture_output=True,
        text=True,
    )


def test_executors_load_nothing_heavy_and_litellm_speaks_to_the_endpoint_only() -> None:
    """[performance.md 12.1] No name is looked up, nobody else is called, nothing is printed."""
    done = run(PRELUDE + TALK)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
