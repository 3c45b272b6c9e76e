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
        "l_abs_inside": f"{root}/ok.txt",
        "l_out_and_in": "../wt/ok.txt",
        "l_environ": "/proc/self/environ",
        "l_mem": "/proc/self/mem",
        "l_devfd": "/dev/fd/0",
        "l_shadow": "/etc/shadow",
        "l_nested_git": "nested/.git",
        "l_via_folder": "sub/deep/../../../secret",
        ".gitmodules": "../secret",
        ".gitattributes": ".git",
        "sub/.mailmap": "../nested/.git/config",
        **{f"chain{number:02}": f"chain{number + 1:02}" for number in range(44)},
        "chain44": "ok.txt",
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
    (root / "unreadable").write_text(FINE)
    (root / "unreadable").chmod(0)
    (root / "read_only").write_text(FINE)
    (root / "read_only").chmod(0o444)
    (root / "closed").mkdir()
    (root / "closed" / "ok.txt").write_text(FINE)
    (root / "closed").chmod(0)
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
    "sub/..",
    "..",
    "../",
    "./..",
    "../.",
    "../wt/ok.txt",
    "{root}/../wt/ok.txt",
    "{root}/./../secret",
    "{root}//../secret",
    "{root}/l_rel",
    "{root}/sub/etc/passwd",
    "{root}-evil",
    "{base}",
    "{base}/wt-evil",
    "/etc/../etc/passwd",
    "//////etc/passwd",
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
    "l_abs/",
    "./l_rel",
    "l_abs_inside",
    "l_out_and_in",
    "l_via_folder",
    "l_environ",
    "l_mem",
    "l_devfd",
    "l_shadow",
    "l_nested_git",
    "l_nested_git/config",
    ".gitmodules",
    ".gitattributes",
    "sub/.mailmap",
    "chain00",
    "l_up",
    "l_up/secret",
    "l_up/wt/ok.txt",
    "l_dir",
    "l_dir/secret",
    "l_dir/wt/ok.txt",
    "dangling/x",
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
    ".\u200dgit",
    ".git\ufeff",
    ".g\u206fit/config",
    "\uff0e\uff47\uff49\uff54",
    "GIT~10",
    "gIt~3/config",
    ".git:stream",
    ".git ./config",
    "sub/.Git/x",
    "nested/.git",
    "nested/./.git//config",
    "nested\\.git\\config",
    "nested/.git::$INDEX_ALLOCATION/config",
    "nested/.git/config",
    "nested/.GIT/config",
    "{root}/.git",
    "{root}/nested/.git/config",
    "ok.txt\0.png",
    "ok.txt\0/../../secret",
    "~/.ssh/id_rsa",
    "~root/.bashrc",
    "~",
    "/proc/1/environ",
    "/proc/self/cwd/secret",
    "/dev/fd/0",
    "/dev/null",
    "/proc/self/environ",
    "/proc/self/fd/0",
    "/proc/self/root/etc/passwd",
    "/dev/stdin",
    "file:///etc/passwd",
    "http://localhost/secret",
    "\0",
    "\u00e9" * 128,
    "d/" * 129 + "f",
    "a" * 300,
    "x/" * 2100 + "y",
    "x/" * 1000 + "y",
    "ok\n.txt",
    "ok\r.txt",
    "ok\x1b[2J.txt",
    "ok\x85.txt",
    "ok\t.txt",
    "ok\x7f.txt",
    "ok\u200e.txt",
    "\u2066ok.txt",
    "ok\u061c.txt",
    "\u202etxt.ko",
    "\udc80bad",
    "\ud83dhalf",
    "ok.txt/below",
    "sub/deep/ok.txt/below",
)

# Nothing reads these or runs in them, but a whole new file may take their place.
IRREGULAR: Final[tuple[str, ...]] = ("hard", "fifo", "sock", "dev_zero", "dev_tty")

# Closed to an ordinary user, and told so in a sentence; root may open them.
CLOSED: Final[tuple[str, ...]] = ("unreadable", "closed/ok.txt", "closed/new.txt")

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
    "c:/x",
    "C:\\Windows\\x",
    "\\\\server\\share",
    "sub/~/x",
    "nul",
    "ok.txt ",
    " ok.txt",
    "git~",
    ".git-blame-ignore-revs",
    "$(id)",
    "a'b\"c",
    "*",
    "OK.TXT",
    "cafe\u0301",
    "caf\u00e9",
)


def naive_read(root: Path, raw: str) -> bytes:
    """The control: what a tool reads that compares the text of a path and then opens it.

    At most 64 KiB, without waiting.  Raises OSError and ValueError.
    """
    path = os.path.normpath(os.path.join(root, raw))  # noqa: PTH118 - the mistake under test
    if not path.startswith(str(root)):
        raise ValueError("outside")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
