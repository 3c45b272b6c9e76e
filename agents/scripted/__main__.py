"""``python -m dispatch.agents.scripted FILE [PORT]``: serve a script until the input ends.

The address is printed to stdout.  Exit code 0: every rule was played and every request met.
"""

import asyncio
import sys
from pathlib import Path

from ...state.errors import DispatchError, ExitCode
from .script_file import read_script
from .server import ScriptedServer


def main(arguments: list[str]) -> int:
    """Serve; an exit code."""
    if len(arguments) not in (1, 2) or not all(port.isdigit() for port in arguments[1:]):
        print("usage: python -m dispatch.agents.scripted FILE [PORT]", file=sys.stderr)
        return ExitCode.USAGE
    try:
        return asyncio.run(_serve(Path(arguments[0]), int((*arguments, "0")[1])))
    except DispatchError as error:
        print(error, file=sys.stderr)
        return error.exit_code


async def _serve(path: Path, port: int) -> int:
    async with ScriptedServer(read_script(path), port) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.check()
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
