"""What builds and tests do all day, as a table: each must end with 0 in every tier."""

from collections.abc import Mapping
from typing import Final

_PYTHON: Final = "/usr/bin/env python3 -c "

HONEST: Final[Mapping[str, str]] = {
    "nothing": "true",
    "a file of its own": "echo hi > new && grep -q hi new && rm new",
    "folders": "mkdir -p d/e && echo x > d/e/f && mv d g && rm -r g",
    "links": "echo x > one && ln -s one two && ln one three && cat two three",
    "a rename between folders": "mkdir p q && echo x > p/f && mv p/f q/f && test -f q/f",
    "modes": "echo 'exit 0' > run && chmod +x run && ./run || sh run",
    "a script": "printf '#!/bin/sh\\nexit 0\\n' > go && chmod 755 go && ./go",
    "times": "echo x > t && touch -d 2020-01-01 t && test /etc/hosts -nt t",
    "a temporary file": "f=$(mktemp) && echo x > $f && test -s $f && rm $f",
    "a temporary folder": "d=$(mktemp -d) && touch $d/f && rm -r $d",
    "a temporary file of Python": _PYTHON
    + "'import tempfile; tempfile.TemporaryFile().write(b\"x\")'",
    "its home": "echo x > ~/f && test -s ~/f && mkdir -p ~/.cache/tool && touch ~/.cache/tool/x",
    "standard files": (
        "echo x > /dev/null && head -c 9 /dev/zero | wc -c && head -c 9 /dev/urandom | wc -c"
    ),
    "output by name": "echo x > /dev/stdout && echo y > /dev/stderr",
    "a pipe": "seq 1000 | sort -rn | head -1 | grep -q 1000",
    "a named pipe": "mkfifo p && (echo x > p &) && grep -q x p",
    "process substitution": "diff <(seq 3) <(seq 3)",
    "a here document": "cat <<END | grep -q x\nx\nEND",
    "jobs": "sleep 0.05 & sleep 0.05 & wait",
    "signals to its own": "sleep 30 & kill $! && ! wait $!",
    "a trap": "trap 'exit 0' USR1; kill -USR1 $$; sleep 5; exit 1",
    "a new session": "setsid -w true",
    "a time limit": "timeout 5 true",
    "a lower priority": "nice -n 5 true",
    "limits": "ulimit -n 100 && true",
    "sed, awk, find, xargs": (
        "seq 9 > n && sed -i s/1/x/ n && awk 'END{exit NR!=9}' n && "
        "find . -name n | xargs grep -q x"
    ),
    "an archive": (
        "mkdir a && echo x > a/f && tar czf a.tgz a && rm -r a && tar xzf a.tgz && test -f a/f"
    ),
    "a patch": "seq 3 > x && seq 4 > y && ! diff -u x y > p && test -s p",
    "a lock": "flock lock true",
    "who it is": "id && whoami && hostname && uname -a && nproc && date",
    "processes of its own": (
        "test -r /proc/self/status && test -d /proc/$$/fd && cat /proc/cpuinfo | head -1"
    ),
    "a repository of its own": (
        "mkdir r && cd r && git init -q . && echo x > f && git add f && git commit -qm m && "
        "git status && git log --oneline && git diff && git stash list && git branch b"
    ),
    "Python": _PYTHON + "'import ssl, sqlite3, json, asyncio; asyncio.run(asyncio.sleep(0))'",
    "a process pool": _PYTHON
    + "'import multiprocessing as m; assert m.Pool(2).map(abs, [-1]) == [1]'",
    "a lock between processes": _PYTHON
    + "'import multiprocessing as m; m.Lock().acquire(); m.Queue()'",
    "shared memory": _PYTHON
    + (
        "'from multiprocessing.shared_memory import SharedMemory as S; "
        "s = S(create=True, size=9); s.close(); s.unlink()'"
    ),
    "threads and programs": _PYTHON
    + (
        "'import subprocess, threading; t = threading.Thread(target=subprocess.run, "
        'args=(["true"],)); t.start(); t.join()\''
    ),
    "a pair of sockets": _PYTHON
    + "'import socket; a, b = socket.socketpair(); a.send(b\"x\"); b.recv(1)'",
    "a server on its own loopback": _PYTHON
    + (
        '\'import socket; s = socket.create_server(("127.0.0.1", 0)); '
        "c = socket.create_connection(s.getsockname()); s.accept()'"
    ),
    "a server on a path": _PYTHON
    + (
        '\'import socket; s = socket.socket(1); s.bind("sock"); s.listen(); '
        'c = socket.socket(1); c.connect("sock")\''
    ),
    "tests of Python": (
        "printf 'import unittest\\nclass T(unittest.TestCase):\\n def test(self): pass\\n' "
        "> test_x.py && python3 -m unittest -q"
    ),
    "make": (
        "command -v make || exit 0; printf 'all:\\n\\ttouch made\\n' > Makefile && "
        "make -j2 && test -f made"
    ),
    "a compiler": (
        "command -v cc || exit 0; echo 'int main(void){return 0;}' > m.c && cc -o m m.c && ./m"
    ),
    "node": (
        "command -v node || exit 0; node -e "
        '\'require("child_process").execSync("true"); require("fs").writeFileSync("n", "x")\''
    ),
    "perl": "command -v perl || exit 0; perl -e 'print 1'",
}

_NO_SOCKETS: Final = "sockets of all families are refused: nothing else would hold those that leave"

# What does not work under Landlock, and why.
LANDLOCK_LACKS: Final[Mapping[str, str]] = {
    "a server on its own loopback": _NO_SOCKETS,
    "a server on a path": _NO_SOCKETS,
}
