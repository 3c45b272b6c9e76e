"""A command that tries to get out: what a tier holds is shown by trying, not told from versions.

It runs at every start of a run and in ``dispatch doctor``, so it is one shell with a handful of
tries, whose effects are looked for from outside.
"""

import contextlib
import os
import secrets
import select
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...state.marks import MARKER
from .environment import environment, prepare
from .launcher import Launcher, shell
from .policy import Sandbox
from .processes import end_command
from .toolchains import Toolchains

PROBE: Final = "probe"
LIMIT_SECONDS: Final = 10.0  # it takes some 20 ms; a machine under load may take longer
MAX_OUTPUT_BYTES: Final = 1 << 20
_SURVIVOR_SECONDS: Final = 60
_PATIENCE_SECONDS: Final = 0.5  # for a process namespace to be gone

# Its own line each, so that one that fails takes no other with it.
_SCRIPT: Final = """\
echo ran > made
cat "$1/secret"
echo out > "$1/written"
cat /proc/$2/environ
: < /dev/tcp/127.0.0.1/$3
unshare -Urm echo "$4"
setsid sleep $5 &
echo end
"""


def probe(launcher: Launcher, owner: str = PROBE) -> tuple[str, ...]:
    """What a command got hold of that it must not, each as a clause; none: the tier holds.

    ``owner`` begins its mark: with a run's, the next start of that run ends what a kill left of it.

    A tier in which the command cannot even be run says so in the same way.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dispatch-probe-")))
        door = stack.enter_context(_listening())
        outside, tree = folder / "outside", folder / "tree"
        for each in (outside, tree):
            each.mkdir()
        canaries = [secrets.token_hex(8) for _ in range(2)]
        (outside / "secret").write_text(canaries[0], encoding="ascii")
        sandbox = Sandbox(worktree=tree, scratch=folder / "scratch")
        prepare(sandbox)
        port = door.getsockname()[1]
        said, survived = _tried(
            launcher, sandbox, owner, (outside, os.getpid(), port, canaries[1], _SURVIVOR_SECONDS)
        )
        if not said.endswith(b"end\n") or not (tree / "made").exists():
            last = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
            return (f"a command does not run in it ({last[0]})",)
        own = Path("/proc/self/environ").read_bytes()
        connected = bool(select.select([door], [], [], 0)[0])
        found = {
            "read a file outside its tree": canaries[0].encode() in said,
            "wrote outside its tree": (outside / "written").exists(),
            "read our environment": bool(own) and own in said,
            "reached a server of this machine": connected,
            "made namespaces of its own": canaries[1].encode() in said,
            "left a process behind": survived,
        }
        return tuple(f"a command {what}" for what, happened in found.items() if happened)


def _tried(
    launcher: Launcher, sandbox: Sandbox, owner: str, arguments: tuple[object, ...]
) -> tuple[bytes, bool]:
    """What the command said, and whether something of it was still alive after it had ended."""
    words = (shell(), "-c", _SCRIPT, PROBE, *map(str, arguments))
    mark = f"{owner}/{PROBE}.{os.getpid()}.{secrets.token_hex(4)}"
    variables = environment(Toolchains(), sandbox, launcher.inside(sandbox), mark)
    assert MARKER in variables  # by which a survivor is found
    try:
        with launcher.launch(words, sandbox.worktree, sandbox) as start:
            process = subprocess.Popen(
                start.argv,
                cwd=sandbox.worktree,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=start.descriptors,
            )
    except OSError as error:
        return f"{error}".encode(), False
    assert process.stdout is not None
    with process.stdout as pipe:
        # Where it is not over in time, the end of its output is missing.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LIMIT_SECONDS)
        said, is_closed = _output(pipe.fileno())
        if not is_closed or process.returncode is None:
            end_command(process.pid, mark, 0.0)
            process.kill()
            process.wait()
        return said, not is_closed


def _output(pipe: int) -> tuple[bytes, bool]:
    """What is in a pipe, and whether everybody who could write into it is gone."""
    said = b""
    while len(said) < MAX_OUTPUT_BYTES and select.select([pipe], [], [], _PATIENCE_SECONDS)[0]:
        data = os.read(pipe, 1 << 16)
        if not data:
            return said, True
        said += data
    return said, False


@contextlib.contextmanager
def _listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door
