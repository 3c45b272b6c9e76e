"""Control groups: where they may be made, what they hold, and that none is left."""

import hashlib
import os
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from dispatch.agents.sandbox.cgroup import Place, end_groups, find_places, grouped, remove_abandoned
from dispatch.agents.sandbox.policy import CommandLimits

LIMITS = CommandLimits(processes=16, memory_bytes=1 << 28)
PLACES = find_places()

needs_groups = pytest.mark.skipif(not PLACES, reason="no control group may be made here")


def hierarchy(tmp_path: Path, own: str, offered: dict[str, str]) -> tuple[Path, Path]:
    """A mount and a list of our own groups, as the kernel shows them."""
    mount = tmp_path / "cgroup"
    for folder, controllers in offered.items():
        (mount / folder).mkdir(parents=True, exist_ok=True)
        (mount / folder / "cgroup.procs").touch()
        (mount / folder / "cgroup.subtree_control").write_text(controllers)
    (tmp_path / "own").write_text(own)
    return mount, tmp_path / "own"


def members(mark: str) -> list[int]:
    """The processes in a command's group; none when there is no such group."""
    run_mark, command = mark.split("/")
    whose = f"{Path('/proc/self/ns/pid').readlink()}:{run_mark}"
    digest = hashlib.sha256(whose.encode()).hexdigest()[:16]
    group = PLACES[0].folder / f"dispatch-{digest}-{command}"
    return (
        [int(line) for line in (group / "cgroup.procs").read_text().split()]
        if group.exists()
        else []
    )


def running(pid: int) -> bool:
    """Not when it only waits to be waited for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_in_version_1_only_the_root_of_a_hierarchy_is_ours(tmp_path: Path) -> None:
    """A group that we were put into belongs to who put us there."""
    mount, own = hierarchy(
        tmp_path, "8:pids:/\n4:memory:/somebody/else\n0::/\n", {"pids": "", "memory": ""}
    )
    assert find_places(mount, own) == (Place(folder=mount / "pids", processes="pids.max"),)
    own.write_text("8:pids:/\n4:memory:/\n")
    assert find_places(mount, own) == (
        Place(folder=mount / "pids", processes="pids.max"),
        Place(folder=mount / "memory", memory="memory.limit_in_bytes"),
    )


def test_in_version_2_it_is_the_nearest_group_above_that_offers_both(tmp_path: Path) -> None:
    """Our own holds processes, so that it cannot have groups with limits."""
    mount, own = hierarchy(
        tmp_path,
        "0::/user/app/terminal\n",
        {"user": "pids memory cpu", "user/app": "memory pids", "user/app/terminal": "pids memory"},
    )
    assert find_places(mount, own) == (
        Place(folder=mount / "user/app", processes="pids.max", memory="memory.max"),
    )


@pytest.mark.parametrize("own", ["", "0::/\n", "0::/container\n", "8:pids:/container\n"])
def test_elsewhere_there_is_no_place(tmp_path: Path, own: str) -> None:
    """Nothing is mounted, or nothing has been handed over."""
    mount, groups = hierarchy(tmp_path, own, {"container": "", "pids/container": ""})
    assert find_places(mount, groups) == ()
    assert find_places(mount, tmp_path / "none") == ()


def test_where_there_is_no_place_the_command_is_as_it_was() -> None:
    """The limits of each process remain."""
    with grouped("run/1.1", LIMITS, ()) as words:
        assert words == ()


def test_the_limits_are_written_before_anything_is_in_the_group(tmp_path: Path) -> None:
    """The group's name is that of its run and command."""
    place = Place(folder=tmp_path, processes="pids.max", memory="memory.max")
    with grouped("/some/run/1.1", LIMITS, (place,)) as words:
        (group,) = tmp_path.iterdir()
        assert words[-1] == str(group)
        assert group.name.endswith("-1.1")
        assert (group / "pids.max").read_text() == "20"
        assert (group / "memory.max").read_text() == str(1 << 28)
        for file in group.iterdir():  # a real one takes its files along
            file.unlink()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_group_that_nobody_asks_for_any_more_is_removed(tmp_path: Path) -> None:
    """Its run was killed in a process-id namespace that is gone; a process keeps a group."""
    for name in ("dispatch-gone-1.1", "dispatch-busy-1.1", "dispatch-new-1.1", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "dispatch-busy-1.1" / "member").touch()
    for name in ("dispatch-gone-1.1", "dispatch-busy-1.1", "other"):
        os.utime(tmp_path / name, (0, 0))
    assert remove_abandoned((Place(folder=tmp_path),)) == 1
    left = sorted(each.name for each in tmp_path.iterdir())
    assert left == ["dispatch-busy-1.1", "dispatch-new-1.1", "other"]


@needs_groups
def test_a_group_stops_a_fork_bomb_of_root_and_ends_what_is_left() -> None:
    """[S6] The kernel counts no processes for root but in a group."""
    bomb = "for i in $(seq 40); do sleep 30 & done; echo done"
    with grouped("a-test/1.1", LIMITS) as words:
        ended = subprocess.run(
            [*words, "/bin/sh", "-c", bomb],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=False,
        )
        left = members("a-test/1.1")
        assert 10 < len(left) <= 20
    assert ended.returncode != 0
    assert members("a-test/1.1") == []
    assert not [pid for pid in left if running(pid)]


@needs_groups
def test_what_a_killed_run_left_in_its_groups_is_ended_at_the_next_start() -> None:
    """[S5] Also a process that left its session and dropped its mark; other runs keep theirs."""
    with grouped("other-test/7.1", LIMITS), grouped("killed-test/7.1", LIMITS) as words:
        survivor = subprocess.Popen(
            [*words, "env", "-i", "setsid", "-w", "sleep", "30"], start_new_session=True
        )
        until = time.monotonic() + 10
        while len(members("killed-test/7.1")) < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert end_groups("killed-test") == len(PLACES)
        assert survivor.wait(5) == -9
        assert end_groups("other-test") == len(PLACES)
    assert (end_groups("killed-test"), end_groups("other-test")) == (0, 0)
