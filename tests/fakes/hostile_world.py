"""The victims of hostile commands: files, listeners and a process, all made here and taken away.

A world is one folder outside of which nothing is touched but names nobody else has: one in each of
the machine's shared folders, one in the kernel's tables of memory, queues and keys.
"""

import contextlib
import ctypes
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import psutil
from attrs import frozen

from dispatch.agents.sandbox import Sandbox
from dispatch.agents.sandbox.environment import environment, prepare
from dispatch.agents.sandbox.launcher import SYSTEM_PATH, Launcher, PlainLauncher, shell
from dispatch.agents.sandbox.toolchains import Toolchains

from .hostile_attack import SAID, Attack, Sign

SECRET: Final = "canary-4f1c9-of-the-operator"
SECONDS: Final = 15.0
GRACE_SECONDS: Final = 5.0
DYING_SECONDS: Final = 0.05
PYTHON: Final = shutil.which("python3", path=SYSTEM_PATH) or ""

_SHARED_FOLDERS: Final = ("/tmp", "/var/tmp", "/dev/shm")
_GROUPS: Final = Path("/sys/fs/cgroup/pids")
_PRIVATE: Final = 0
_KEYRING_OF_USER: Final = -4
_ADD_KEY, _KEYCTL, _SHMGET, _SHMAT, _SHMCTL, _MQ_OPEN, _MQ_UNLINK, _MQ_SEND = (
    *(248, 250, 29, 30, 31),
    *(240, 241, 242),
)
_MSGGET, _MSGSND, _MSGCTL, _SEMGET, _SEMCTL = 68, 69, 71, 64, 66
_UNLINK_KEY: Final = 9
_libc = ctypes.CDLL(None, use_errno=True)


@frozen
class Process:
    """What others could change of a process."""

    status: bool
    nice: int
    offered: str
    cores: tuple[int, ...]
    priority: int
    files: tuple[int, int]
    seconds: tuple[int, int]


class World:
    """Made once for many commands; what one of them breaks is repaired before the next."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher
        self._ends = contextlib.ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="dispatch-world-", dir="/tmp"))
        self._ends.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.name = self.folder.name.replace("world", "hostile")
        self._places = self.folder / "places"
        self._copy = self.folder / "copy"
        self.tree = self._places / "trees" / "tree"
        self.sandbox = Sandbox(worktree=self.tree, scratch=self.folder / "scratch")
        self._variables = self._listen() | self._share()
        self._build()
        self._victim = self._start_victim()

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        self._victim.kill()
        self._victim.wait()
        self._ends.close()

    def try_out(self, attack: Attack) -> frozenset[Sign]:
        """Which signs of success are there once the command has ended; all is repaired then."""
        before, well = self._snapshot(), _process(self._victim)
        output = self.run(attack.command)[1]
        if attack.sign is Sign.HARMED:  # who is killed takes a moment to die
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._victim.wait(DYING_SECONDS)
        signs = {
            Sign.SECRET: SECRET in output,
            Sign.SAID: SAID in output.split(),
            Sign.CHANGED: self._snapshot() != before,
            Sign.CONNECTED: self._heard(),
            Sign.HARMED: _process(self._victim) != well,
            Sign.OUTLIVED: self._outlived(),
        }
        found = frozenset(sign for sign, is_there in signs.items() if is_there)
        self._repair(everything=Sign.CHANGED in found, survived=Sign.OUTLIVED in found)
        if found & {Sign.HARMED, Sign.CHANGED}:  # its folder, too, may be another now
            self._victim.kill()
            self._victim.wait()
            self._victim = self._start_victim()
        return found

    def run(self, command: str) -> tuple[int, str]:
        """Its exit code and output."""
        return run(self._launcher, self.sandbox, command, self._names())

    def run_afresh(self, command: str) -> tuple[int, str]:
        """The same, in a tree as it was made and without the variables that name victims."""
        self._repair(everything=False, survived=False)
        return run(self._launcher, self.sandbox, command, {})

    def _names(self) -> dict[str, str]:
        common = self._places / "repo" / ".git"
        return {
            **self._variables,
            "OPERATOR": str(self._places / "operator"),
            "STATE": str(self._places / "state"),
            "OTHER": str(self._places / "trees" / "other"),
            "REPO": str(self._places / "repo"),
            "COMMON": str(common),
            "ADMIN": str(common / "worktrees" / "tree"),
            "OUTSIDE": str(self._places),
            "VICTIM": str(self._victim.pid),
            "NAME": self.name,
            "PY": PYTHON,
            # What an operator's own environment holds; only a launcher that adds nothing has it.
            **({"API_KEY": SECRET} if isinstance(self._launcher, PlainLauncher) else {}),
        }

    def _build(self) -> None:
        operator, state, repo = (self._places / name for name in ("operator", "state", "repo"))
        for path in (
            operator / ".ssh" / "id_ed25519",
            operator / ".bash_history",
            operator / "a\nb",
            state / "run-state.yaml",
            state / "attempts" / "1" / "transcript.jsonl",
            self._places / "trees" / "other" / "theirs.txt",
            repo / "secret.txt",
            repo / "untracked.txt",
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SECRET + "\n")
        (operator / ".bashrc").touch()
        (state / "lock").touch()
        (state / "link").symlink_to(operator / ".ssh" / "id_ed25519")
        for folder in ("bin", "lib", ".config/environment.d", ".config/autostart"):
            (operator / folder).mkdir(parents=True)
        (operator / ".config/systemd/user").mkdir(parents=True)
        (self._places / "spool").mkdir()
        _git(repo, "init", "-q", "-b", "main", "--template=")
        _git(repo, "add", "secret.txt")
        _git(repo, "commit", "-qm", "one")
        _git(repo, "config", "http.extraheader", SECRET)
        _git(repo, "worktree", "add", "-q", "-b", "tree", str(self.tree))
        (self.tree / "a.txt").write_text("one\n")
        prepare(self.sandbox)
        shutil.copytree(self._places, self._copy, symlinks=True)

    def _snapshot(self) -> Mapping[str, tuple[int, ...]]:
        """All places but what is in our own tree; of that only the pointer to its git folder."""
        found = [*map(str, self._elsewhere()), f"{self.tree}/.git"]
        for folder, folders, files in os.walk(self._places):
            if folder == str(self.tree):
                folders.clear()
                continue
            found += [f"{folder}/{name}" for name in (*folders, *files)]
        states = {}
        for path in found:
            with contextlib.suppress(FileNotFoundError):
                at = os.lstat(path)
                # Its times but the last reading: the kernel sets one at any change whatever.
                own = path == str(self.tree)
                states[path] = (at.st_ino, at.st_mode, *(() if own else (at.st_ctime_ns,)))
        return states

    def _elsewhere(self) -> Iterator[Path]:
        for folder in _SHARED_FOLDERS:
            yield Path(folder, self.name)
        yield _GROUPS / self.name / "sub"

    def _repair(self, everything: bool, survived: bool) -> None:
        if survived:
            os.kill(int((self.tree / "pid").read_text()), signal.SIGKILL)
        for path in self._elsewhere():
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        for path in self._places.iterdir() if everything else [self.tree]:
            shutil.rmtree(path, ignore_errors=True)
            path.unlink(missing_ok=True) if path.is_symlink() or path.is_file() else None
        if everything:
            shutil.copytree(self._copy, self._places, symlinks=True, dirs_exist_ok=True)
        else:
            source = self._copy / self.tree.relative_to(self._places)
            shutil.copytree(source, self.tree, symlinks=True)

    def _start_victim(self) -> "subprocess.Popen[bytes]":
        operator = self._places / "operator"
        with (self._places / "state" / "run-state.yaml").open("r+b") as state:
            return subprocess.Popen(
                [f"agent-{SECRET}", "600"],
                executable="/bin/sleep",
                cwd=operator,
                env={"API_KEY": SECRET},
                stdin=state,
                start_new_session=True,
            )

    def _listen(self) -> dict[str, str]:
        path = str(self.folder / "socket")
        datagrams = str(self.folder / "datagrams")
        self._listeners = {
            "PORT": _bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            "PORT6": _bound(socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            "UDP": _bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            "SOCKET": _bound(socket.AF_UNIX, socket.SOCK_STREAM, path),
            "DATAGRAMS": _bound(socket.AF_UNIX, socket.SOCK_DGRAM, datagrams),
            "ABSTRACT": _bound(socket.AF_UNIX, socket.SOCK_STREAM, "\0" + self.name),
        }
        for listener in self._listeners.values():
            self._ends.callback(listener.close)
        self._master, self._slave = pty.openpty()
        self._ends.callback(os.close, self._master)
        self._ends.callback(os.close, self._slave)
        names = {name: of.getsockname() for name, of in self._listeners.items()}
        return {
            "TERMINAL": os.ttyname(self._slave),
            **{name: str(names[name][1]) for name in ("PORT", "PORT6", "UDP")},
            **{name: names[name] for name in ("SOCKET", "DATAGRAMS")},
        }

    def _heard(self) -> bool:
        heard = False
        sources: list[socket.socket | int] = [*self._listeners.values(), self._master]
        while ready := select.select(sources, [], [], 0)[0]:
            heard = True
            for listener in ready:
                if isinstance(listener, int):
                    os.read(listener, 1 << 16)
                elif listener.type == socket.SOCK_DGRAM:
                    listener.recv(1 << 16)
                else:
                    listener.accept()[0].close()
        return heard

    def _share(self) -> dict[str, str]:
        """What the machine's processes share by number or name."""
        there = Path("/tmp", self.name + "-there")
        there.mkdir()
        self._ends.callback(shutil.rmtree, there)
        (there / "secret").write_text(SECRET)
        memory_file = Path("/dev/shm", self.name + "-there")
        memory_file.write_text(SECRET)
        self._ends.callback(memory_file.unlink)
        memory = _libc.syscall(_SHMGET, _PRIVATE, 4096, 0o600)
        _libc.shmat.restype = ctypes.c_void_p
        ctypes.memmove(_libc.shmat(memory, None, 0), SECRET.encode(), len(SECRET))
        self._ends.callback(_libc.syscall, _SHMCTL, memory, 0, None)
        messages = _libc.syscall(_MSGGET, _PRIVATE, 0o600)
        message = struct.pack("@l64s", 1, SECRET.encode())
        _libc.syscall(_MSGSND, messages, message, 64, 0)
        self._ends.callback(_libc.syscall, _MSGCTL, messages, 0, None)
        semaphore = _libc.syscall(_SEMGET, _PRIVATE, 1, 0o600)
        self._ends.callback(_libc.syscall, _SEMCTL, semaphore, 0, 0, None)
        queue_name = b"dq" + self.name.encode()
        queue = _libc.syscall(_MQ_OPEN, queue_name, os.O_RDWR | os.O_CREAT, 0o600, None)
        self._ends.callback(_libc.syscall, _MQ_UNLINK, queue_name)
        self._ends.callback(os.close, queue)
        for _ in range(3):
            _libc.syscall(_MQ_SEND, queue, SECRET.encode(), len(SECRET), 0, None)
        key = _libc.syscall(
            *(_ADD_KEY, b"user", self.name.encode()),
            *(SECRET.encode(), len(SECRET), _KEYRING_OF_USER),
        )
        self._ends.callback(_libc.syscall, _KEYCTL, _UNLINK_KEY, key, _KEYRING_OF_USER)
        group = _GROUPS / self.name
        if os.access(_GROUPS, os.W_OK):
            group.mkdir()
            self._ends.callback(group.rmdir)
        return {
            "MEMORY": str(memory),
            "QUEUE": str(messages),
            "SEMAPHORE": str(semaphore),
            "CGROUP": str(group),
        }

    def _outlived(self) -> bool:
        if not (self.tree / "held").is_file():
            return False
        until = time.monotonic() + GRACE_SECONDS  # a process namespace takes a moment to end
        with (self.tree / "held").open() as held:
            while time.monotonic() < until:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return False
                time.sleep(0.01)
        return True


def run(
    launcher: Launcher, sandbox: Sandbox, command: str, names: Mapping[str, str]
) -> tuple[int, str]:
    """A command's exit code and output, started as a runner starts it, with ``names`` set."""
    variables = environment(Toolchains(), sandbox, launcher.inside(sandbox), "hostile/1")
    variables |= {"PATH": SYSTEM_PATH + ":/usr/sbin:/sbin", **names}
    with launcher.launch((shell(), "-c", command), sandbox.worktree, sandbox) as start:
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
    try:
        output = process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0] + b"\n[too slow]"
    return process.returncode, output.decode(errors="replace")


def _bound(family: int, kind: int, address: tuple[str, int] | str) -> socket.socket:
    made = socket.socket(family, kind)
    made.bind(address)
    if kind == socket.SOCK_STREAM:
        made.listen(64)
    return made


def _git(repo: Path, *arguments: str) -> None:
    who = ("-c", "user.name=u", "-c", "user.email=u@example.org")
    environment = {"PATH": SYSTEM_PATH, "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *who, *arguments], cwd=repo, env=environment, check=True)


def _process(victim: "subprocess.Popen[bytes]") -> Process | None:
    """Null: it has ended."""
    if victim.poll() is not None:
        return None
    of = psutil.Process(victim.pid)
    return Process(
        status=of.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP),
        nice=of.nice(),
        offered=Path(f"/proc/{victim.pid}/oom_score_adj").read_text(),
        cores=tuple(of.cpu_affinity()),
        priority=(os.sched_getscheduler(victim.pid) << 8) + int(of.ionice().ioclass),
        files=of.rlimit(psutil.RLIMIT_NOFILE),
        seconds=of.rlimit(psutil.RLIMIT_CPU),
    )
