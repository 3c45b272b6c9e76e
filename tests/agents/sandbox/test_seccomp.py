"""The filter, run here by a machine of its own, for both architectures."""

import struct

import pytest

from dispatch.agents.sandbox.seccomp import (
    AF_INET,
    AF_UNIX,
    OF_ITSELF_WHERE_SHARED,
    REFUSED,
    REFUSED_WHERE_SHARED,
    is_supported,
    program,
)

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
ALLOWED, REFUSED_WITH_EPERM, ENDED = 0x7FFF0000, 0x00050001, 0x80000000


def answer(code: bytes, arch: int, number: int, *arguments: int) -> int:
    """What the kernel would do with a call: classic BPF over ``struct seccomp_data``."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    steps = list(struct.iter_unpack("=HBBI", code))
    at, value = 0, 0
    while True:
        operation, if_so, if_not, operand = steps[at]
        at += 1
        if operation == 0x20:
            (value,) = struct.unpack_from("=I", data, operand)
        elif operation == 0x06:
            return int(operand)
        else:
            is_so = {
                0x15: value == operand,
                0x35: value >= operand,
                0x45: bool(value & operand),
            }[operation]
            at += if_so if is_so else if_not


@pytest.mark.parametrize("machine", ARCHITECTURES)
@pytest.mark.parametrize("shared", [False, True])
def test_what_the_tables_name_is_refused_and_nothing_else(machine: str, shared: bool) -> None:
    """Without namespaces the calls that reach others are refused, too."""
    column, arch = ARCHITECTURES[machine]
    code = program((AF_UNIX,), machine, shared=shared)
    named = {**REFUSED, **(REFUSED_WHERE_SHARED if shared else {})}
    numbers = {of[column] for of in named.values()} - {None}
    special = {"x86_64": {16, 41, 56, 435}, "aarch64": {29, 198, 220, 435}}[machine]
    special |= {of[column] for of in OF_ITSELF_WHERE_SHARED.values()}
    found = {
        number
        for number in range(500)
        if number not in special and answer(code, arch, number) == REFUSED_WITH_EPERM
    }
    assert found == numbers


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_a_process_without_namespaces_may_change_only_itself(machine: str) -> None:
    """Nor all processes of its user at once."""
    column, arch = ARCHITECTURES[machine]
    code = program((), machine, shared=True)
    for name, (*numbers, argument) in OF_ITSELF_WHERE_SHARED.items():
        other = [0] * argument + [4711]
        own = answer(code, arch, numbers[column])
        assert (name, own) == (name, ALLOWED)
        assert (name, answer(code, arch, numbers[column], *other)) == (name, REFUSED_WITH_EPERM)
        assert answer(program((), machine), arch, numbers[column], *other) == ALLOWED
    priority = OF_ITSELF_WHERE_SHARED["setpriority"][column]
    assert answer(code, arch, priority, 2, 0) == REFUSED_WITH_EPERM


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 41), ("aarch64", 198)])
def test_only_the_named_families_have_sockets(machine: str, number: int) -> None:
    """None, when none is named."""
    _, arch = ARCHITECTURES[machine]
    some, none = program((AF_UNIX,), machine), program((), machine)
    assert answer(some, arch, number, AF_UNIX) == ALLOWED
    assert answer(some, arch, number, AF_INET) == REFUSED_WITH_EPERM
    assert answer(none, arch, number, AF_UNIX) == REFUSED_WITH_EPERM


def test_what_is_of_another_architecture_is_ended() -> None:
    """There every number means something else; x32 is refused."""
    code = program((), "x86_64")
    assert answer(code, 0x40000003, 1) == ENDED
    assert answer(code, ARCHITECTURES["x86_64"][1], 0x40000000 + 1) == REFUSED_WITH_EPERM
    assert (is_supported("aarch64"), is_supported("riscv64")) == (True, False)
