"""Paths that must never lead out of a tree, and the tree they are tried on."""

import os
import socket
import stat
from pathlib import Path
from typing import Final

SECRET: Final = "S3CR3T-CANARY"
FINE: Final = "fine\n"


def build(base: Path) -> Path:
    """A tree ``base/wt`` full of traps, with secrets beside it."""
    root = base / "wt"
    (root / "sub" / "deep").mkdir(parents=True)
    (base / "wt-evil").mkdir()
    (root / "ok.txt").write_text(FINE)
    (root / "sub" / "deep" / "ok.txt").write_text(FINE)
    (base / "secret").write_text(SECRET)
    (base / "wt-evil" / "secret").write_text(SECRET)
    links = {
        "l_rel": "../secret",
        "l_abs": f"{base}/secret",
        "l_up": "..",
        "l_dir": str(base),
        "l_chain": "l_abs",
        "loop": "loop",
        "loop_a": "loop_b",
        "loop_b": "loop_a",
        "dangling": "../not-yet",
        "dangling_abs": f"{base}/not-yet",
        "l_proc": "/proc/self/root",
        "l_cwd": "/proc/self/cwd/../secret",
        "l_fd": "/proc/self/fd/0",
        "l_zero": "/dev/zero",
        "l_git": ".git",
        "l_git_file": "nested/.git/config",
        "l_inside": "sub/deep/ok.txt",
        "l_inside_dir": "sub/deep",
        "l_back": "sub/../ok.txt",
        "l_over": "sub/../../wt/ok.txt",
        "sub/etc": "/etc",
    }
    for name, target in links.items():
        (root / name).symlink_to(target)
    (root / "through").mkdir()
    (root / "through" / "up").symlink_to("../../")
    (root / "hard").hardlink_to(base / "secret")
    os.mkfifo(root / "fifo")
    (root / ".git").write_text(f"gitdir: {SECRET}")
    (root / "nested" / ".git").mkdir(parents=True)
    (root / "nested" / ".git" / "config").write_text(SECRET)
    (root / "big").touch()
    os.truncate(root / "big", 8 << 30)
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(root, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{folder}/sock")
        finally:
            os.close(folder)
    if os.getuid() == 0:
        os.mknod(root / "dev_zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        os.mknod(root / "dev_tty", 0o666 | stat.S_IFCHR, os.makedev(5, 0))
    return root


# ``{base}`` and ``{root}`` stand for where the tree is.  No call with one of these may show the
# secret, hang, raise, or change anything outside the tree.
HOSTILE: Final[tuple[str, ...]] = (
    "../secret",
    "sub/../../secret",
    "./../secret",
    "sub//..//..//secret",
    "sub/deep/../../../secret",
    "ok.txt/../../secret",
    "sub/" + "../" * 40 + "etc/passwd",
    "..",
    "../",
    "",
    "/",
    "/etc/passwd",
    "//etc/passwd",
    "{base}/secret",
    "{root}/../secret",
    "{root}-evil/secret",
    "{base}/wt-evil/secret",
    "../wt-evil/secret",
    "l_rel",
    "l_abs",
    "l_chain",
    "l_up/secret",
    "l_dir/secret",
    "l_dir/wt-evil/secret",
    "loop",
    "loop_a/x",
    "dangling",
    "dangling_abs",
    "l_proc/etc/passwd",
    "l_cwd",
    "l_fd",
    "l_zero",
    "l_git",
    "l_git_file",
    "l_over",
    "sub/etc/passwd",
    "through/up/secret",
    "hard",
    "fifo",
    "sock",
    "dev_zero",
    "dev_tty",
    "big",
    ".git",
    "./.git",
    "sub/../.git",
    ".GIT",
    ".git/",
    ".git ",
    ".git.",
    ".git . .",
    ".gi\u200ct",
    "\uff0egit",
    "GIT~1",
    "git~2",
    ".git::$INDEX_ALLOCATION",
    ".git\\config",
    "nested/.git/config",
    "nested/.GIT/config",
    "{root}/.git",
    "ok.txt\0.png",
    "ok.txt\0/../../secret",
    "~/.ssh/id_rsa",
    "~root/.bashrc",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/proc/self/root/etc/passwd",
    "/dev/stdin",
    "file:///etc/passwd",
    "a" * 300,
    "x/" * 2100 + "y",
    "x/" * 1000 + "y",
    "ok\n.txt",
    "ok\r.txt",
    "ok\x1b[2J.txt",
    "ok\x85.txt",
    "\u202etxt.ko",
    "\udc80bad",
    "\ud83dhalf",
    "ok.txt/below",
    "sub/deep/ok.txt/below",
)

# Odd, but names like any other: nothing is there, and writing makes them inside the tree.
ODD: Final[tuple[str, ...]] = (
    "$HOME/.bashrc",
    "\\..\\secret",
    "..\\secret",
    "%2e%2e/secret",
    "..%2fsecret",
    "\u2024\u2024/secret",
    "\uff0e\uff0e/secret",
    "-rf",
    "--help",
    "|id",
    ";id",
    "`id`",
    "CON",
    "...",
    ".gitignored",
    ".github/x",
    "gitdir",
    "cafe\u0301",
    "caf\u00e9",
)
