"""What a repository says to agents."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from dispatch.agents.guidance import Guidance, GuidanceFile, collect, skills_problem
from dispatch.agents.tools.beneath import by_walk
from dispatch.state.errors import UsageError


def write(root: Path, files: dict[str, str]) -> None:
    """Files by path."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def test_everything_is_gathered_in_order_but_our_own_skill(tmp_path: Path) -> None:
    """[SK-01, SK-02, SK-06, SK-07] One header per file, bytes as in UTF-8."""
    write(
        tmp_path,
        {
            "README.md": "read ä\n",
            "AGENTS.md": "agents\n",
            "CONVENTIONS.md": "conventions\n",
            "skills/b/SKILL.md": "bee\n",
            "skills/a/SKILL.md": "ay\n",
            "skills/dispatch/SKILL.md": "how to use dispatch\n",
            "skills/c/other.md": "no skill\n",
            "skills/SKILL.md": "not in a folder\n",
        },
    )
    guidance = collect(tmp_path)
    assert guidance == Guidance(
        files=(
            GuidanceFile(path="AGENTS.md", bytes=7, text="agents"),
            GuidanceFile(path="CONVENTIONS.md", bytes=12, text="conventions"),
            GuidanceFile(path="README.md", bytes=8, text="read ä"),
            GuidanceFile(path="skills/a/SKILL.md", bytes=3, text="ay"),
            GuidanceFile(path="skills/b/SKILL.md", bytes=4, text="bee"),
        ),
        missing_optional=(),
    )
    assert guidance.total_bytes == 34
    assert guidance.render() == (
        "# === AGENTS.md ===\nagents\n"
        "# === CONVENTIONS.md ===\nconventions\n"
        "# === README.md ===\nread ä\n"
        "# === skills/a/SKILL.md ===\nay\n"
        "# === skills/b/SKILL.md ===\nbee"
    )


def test_a_missing_skills_folder_is_named_when_asked_and_harmless_otherwise(tmp_path: Path) -> None:
    """[SK-03, SK-09, W-35] The guides are there all the same."""
    write(tmp_path, {"AGENTS.md": "agents", "README.md": "read"})
    assert [file.path for file in collect(tmp_path).files] == ["AGENTS.md", "README.md"]
    assert skills_problem(tmp_path) == f"The skills directory was not found: {tmp_path}/skills."
    (tmp_path / "skills").mkdir()
    assert skills_problem(tmp_path) is None


def test_an_empty_skills_folder_and_missing_guides(tmp_path: Path) -> None:
    """[SK-04]"""
    write(tmp_path, {"AGENTS.md": "agents"})
    (tmp_path / "skills").mkdir()
    guidance = collect(tmp_path)
    assert [file.path for file in guidance.files] == ["AGENTS.md"]
    assert guidance.missing_optional == ("CONVENTIONS.md", "README.md")


def test_skills_alone_are_enough(tmp_path: Path) -> None:
    """[SK-05] In both places that are in use; CLAUDE.md is read but never missed."""
    write(tmp_path, {"skills/a/SKILL.md": "ay", ".agents/skills/b/SKILL.md": "bee"})
    guidance = collect(tmp_path)
    assert [file.path for file in guidance.files] == [
        ".agents/skills/b/SKILL.md",
        "skills/a/SKILL.md",
    ]
    assert guidance.missing_optional == ("AGENTS.md", "CONVENTIONS.md", "README.md")
    assert collect(tmp_path / "skills" / "a").render() == ""


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    """[SK-08] By an opener that is denied, since root is denied nothing."""
    write(tmp_path, {"skills/a/SKILL.md": "ay"})

    def denied(root: int, names: Sequence[str], flags: int) -> int:
        if names and names[-1] == "SKILL.md":
            raise PermissionError(13, os.strerror(13))
        return by_walk(root, names, flags)

    with pytest.raises(UsageError, match=r"Failed to read .*skills/a/SKILL\.md"):
        collect(tmp_path, opener=denied)


def test_links_are_followed_only_inside_and_the_same_text_is_shown_once(tmp_path: Path) -> None:
    """[W-35] A guide that is a link to another is common; one that leaves the tree is left out."""
    root = tmp_path / "repo"
    write(root, {"AGENTS.md": "agents"})
    (tmp_path / "secret").write_text("secret")
    (root / "CLAUDE.md").symlink_to("AGENTS.md")
    (root / "README.md").symlink_to("../secret")
    assert collect(root).render() == (
        "# === AGENTS.md ===\nagents\n"
        "# === CLAUDE.md ===\n[the same text as AGENTS.md]\n"
        f"[The path 'README.md' is outside the configured root {root}: "
        "a link or a mount point on the way leads out of it.]"
    )


def test_sizes_are_bounded_and_what_is_cut_is_said(tmp_path: Path) -> None:
    """[W-35] 24 KiB of a file, 64 KiB in all; the guides come before the skills."""
    write(tmp_path, {f"skills/{name}/SKILL.md": name * 30_000 for name in "abc"})
    write(tmp_path, {"README.md": "ä" * 15_000})
    guidance = collect(tmp_path)
    assert [(file.path, len(file.text.encode()), file.note) for file in guidance.files] == [
        ("README.md", 24_576, "[cut: the last 5424 of 30000 bytes are not shown]"),
        ("skills/a/SKILL.md", 24_576, "[cut: the last 5424 of 30000 bytes are not shown]"),
        ("skills/b/SKILL.md", 16_384, "[cut: the last 13616 of 30000 bytes are not shown]"),
        ("skills/c/SKILL.md", 0, "[cut: the last 30000 of 30000 bytes are not shown]"),
    ]
    assert guidance.total_bytes == 120_000
