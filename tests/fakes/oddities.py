"""Honest agents that do odd things: none of them may be accused, and their work is kept whole."""

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen
from fakes.casting import Seat, built, called, shell, submitted

from dispatch.agents.scripted.script import Call, Reply
from dispatch.state.enums import AgentType

BASE: Final = (
    "printf 'one\\ntwo\\nthree\\nfour\\nfive\\n' > 'a.txt'; printf 'b\\n' > 'lib/b.txt'; "
    "printf 'a\\r\\nb\\r\\n' > 'dos.txt'; printf '#!/bin/sh\\n' > 'tool.sh'; "
    "printf '*.log\\ncache/\\n' > '.gitignore'"
)
LARGEST: Final = 50 * 1024 * 1024


@frozen(kw_only=True)
class Odd:
    """``does`` is what the agent's shell does, ``files`` what it claims, ``proof`` what holds then.

    ``changed`` is what git has to say of it, as ``<status> <path>``; by default that every claimed
    file was added.
    """

    name: str
    does: str
    files: tuple[str, ...]
    proof: str
    changed: tuple[str, ...] | None = None
    builds: tuple[Call, ...] = ()
    submission: Mapping[str, Any] = field(factory=dict)
    task: Mapping[str, Any] = field(factory=dict)

    def works(self, seat: Seat) -> tuple[Reply, ...]:
        """Its turns."""
        end = submitted(*self.files, **self.submission)
        doing = (shell(self.does), *self.builds) if self.does else ()
        return (called(*doing, end),)

    @property
    def expected(self) -> set[str]:
        """What git has to say of its work."""
        return {f"A {path}" for path in self.files} if self.changed is None else set(self.changed)


ODDITIES: Final = (
    Odd(
        name="rename with an edit",
        does="mv a.txt z.txt; echo six >> z.txt",
        files=("a.txt", "z.txt"),
        proof="test ! -e a.txt && grep -qx six z.txt",
        changed=("D a.txt", "A z.txt"),
    ),
    Odd(
        name="deletion alone",
        does="rm a.txt lib/b.txt",
        files=("a.txt", "lib/b.txt"),
        proof="test ! -e a.txt && test ! -e lib/b.txt",
        changed=("D a.txt", "D lib/b.txt"),
    ),
    Odd(
        name="change of mode alone",
        does="chmod +x tool.sh",
        files=("tool.sh",),
        proof="test -x tool.sh",
        changed=("M tool.sh",),
    ),
    Odd(
        name="strange names",
        does="mkdir 'ein Ort'; touch 'ein Ort/ä ö.txt' 'né\"w' -- '-rf' ':(top)x' 'tab\there' '*'",
        files=("ein Ort/ä ö.txt", 'né"w', "-rf", ":(top)x", "tab\there", "*"),
        proof="test -e 'ein Ort/ä ö.txt' && test -e ./-rf && test -e './*'",
    ),
    Odd(
        name="name with a line end",
        does="printf x > 'two\nlines'",
        files=("two\nlines",),
        proof="test -e two?lines",
    ),
    Odd(
        name="claims in other spellings",
        does="echo x > x.txt; echo y > lib/y.txt",
        files=("./x.txt", "lib//y.txt", "lib/../x.txt"),
        proof="test -e x.txt",
        changed=("A x.txt", "A lib/y.txt"),
    ),
    Odd(
        name="explorer that changes nothing",
        does="",
        files=(),
        proof="test -e a.txt",
        submission={"notes": "There are five lines in a.txt."},
        task={"agent_type": AgentType.EXPLORE},
    ),
    Odd(
        name="nothing was to be done",
        does="true",
        files=(),
        proof="test -e a.txt",
        submission={"notes": "It was so already."},
    ),
    Odd(
        name="ignored files beside the work",
        does="echo x > x.txt; echo noise > build.log; mkdir cache; touch cache/c",
        files=("x.txt",),
        proof="test -e x.txt",
    ),
    Odd(
        name="ignore rules of its own, claimed",
        does="echo '*.tmp' >> .gitignore; echo x > x.txt",
        files=(".gitignore", "x.txt"),
        proof="grep -q tmp .gitignore",
        changed=("M .gitignore", "A x.txt"),
    ),
    Odd(
        name="carriage returns",
        does="printf 'c\\r\\n' >> dos.txt; printf 'x\\r\\n' > x.txt",
        files=("dos.txt", "x.txt"),
        proof="test $(grep -c \"$(printf '\\r')\" dos.txt) = 3",
        changed=("M dos.txt", "A x.txt"),
    ),
    Odd(
        name="no line end at the end",
        does="printf 'six' >> a.txt",
        files=("a.txt",),
        proof='test "$(tail -c 3 a.txt)" = six',
        changed=("M a.txt",),
    ),
    Odd(
        name="binary file",
        does="head -c 4096 /dev/urandom > blob.bin; printf '\\0\\377\\376' >> blob.bin",
        files=("blob.bin",),
        proof="test $(wc -c < blob.bin) = 4099",
    ),
    Odd(
        name="empty file",
        does="touch empty",
        files=("empty",),
        proof="test -e empty && test ! -s empty",
    ),
    Odd(
        name="file of the largest size",
        does=f"head -c {LARGEST} /dev/zero > zeros.bin",
        files=("zeros.bin",),
        proof=f"test $(wc -c < zeros.bin) = {LARGEST}",
    ),
    Odd(
        name="links inside the tree",
        does="ln -s a.txt link; ln -s ../a.txt lib/up; ln -s nowhere dangling",
        files=("link", "lib/up", "dangling"),
        proof="test -L link && test -e lib/up && test -L dangling",
    ),
    Odd(
        name="folder where a file was",
        does="rm a.txt; mkdir a.txt; echo x > a.txt/x",
        files=("a.txt", "a.txt/x"),
        proof="test -d a.txt",
        changed=("D a.txt", "A a.txt/x"),
    ),
    Odd(
        name="file where a folder was",
        does="rm -r lib; echo x > lib",
        files=("lib", "lib/b.txt"),
        proof="test -f lib",
        changed=("D lib/b.txt", "A lib"),
    ),
    Odd(
        name="link where a file was",
        does="mv a.txt b.txt; ln -s b.txt a.txt",
        files=("a.txt", "b.txt"),
        proof="test -L a.txt && test -f b.txt",
        changed=("T a.txt", "A b.txt"),
    ),
    Odd(
        name="empty folders are no change",
        does="mkdir -p empty/folder; echo x > x.txt",
        files=("x.txt",),
        proof="test -e x.txt",
    ),
    Odd(
        name="change and change back",
        does="echo gone >> a.txt; git checkout -q a.txt; echo x > x.txt; git add x.txt",
        files=("x.txt",),
        proof="test -e x.txt",
    ),
    Odd(
        name="commits of its own, all claimed",
        does="echo x > x.txt; git add x.txt; git commit -qm mine; echo y > y.txt",
        files=("x.txt", "y.txt"),
        proof="test -e y.txt",
    ),
    Odd(
        name="stash of what it did not want",
        does="echo no >> a.txt; git stash -q; echo x > x.txt",
        files=("x.txt",),
        proof="! grep -q no a.txt",
    ),
    Odd(
        name="builds that failed before they passed",
        does="echo x > x.txt",
        files=("x.txt",),
        proof="test -e x.txt",
        builds=(built("grep -q x x.txt", 1), built("false", 1), built("grep -q x x.txt")),
    ),
    Odd(
        name="builds that leave files behind",
        does="echo x > x.txt",
        files=("x.txt",),
        proof="touch litter; echo more >> x.txt",
        builds=(built("echo more >> a.txt; mkdir litter.d; touch litter.d/x"),),
    ),
)
