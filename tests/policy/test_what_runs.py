"""Files in which only some entries run a program."""

import pytest

from dispatch.policy.what_runs import MAX_COMPARED, MAX_DETAILS, changed_entries, is_compared


def test_scripts_that_a_package_manager_runs_by_itself_are_told_with_old_and_new() -> None:
    """A script that a person starts by name is no such thing."""
    before = b'{"scripts": {"test": "jest", "prepare": "husky"}, "husky": {"hooks": {}}}'
    after = b'{"scripts": {"test": "x", "prepare": "curl | sh", "postinstall": "x"}}'
    assert changed_entries("web/package.json", before, after) == (
        "husky: '{\"hooks\": {}}' became nothing",
        "scripts.postinstall: nothing became 'x'",
        "scripts.prepare: 'husky' became 'curl | sh'",
    )


@pytest.mark.parametrize(
    ("path", "before", "after", "told"),
    [
        ("package.json", b'{"version": "1"}', b'{"version": "2"}', ()),
        ("package.json", None, b'{"scripts": {"test": "x"}}', ()),
        ("package.json", b"{}", b"{", ("it cannot be read as what it is",)),
        ("package.json", b"{}", b"[]", ("it cannot be read as what it is",)),
        ("package.json", b"{}", b"[" * 100_000, ("it cannot be read as what it is",)),
        ("package.json", b"{}", b" " * (MAX_COMPARED + 1), ("it is too long to be compared",)),
        (
            "pyproject.toml",
            b'[build-system]\nbuild-backend = "a"\n[tool.x]\ny = 1\n',
            b'[build-system]\nbuild-backend = "b"\n[tool.x]\ny = 2\n',
            ("build-system.build-backend: 'a' became 'b'",),
        ),
        ("pyproject.toml", b"[tool.x]\ny = 1\n", b"[tool.x]\ny = 2\n", ()),
        ("Cargo.toml", b"[package]\n", b'[package]\nbuild = "x.rs"\n', ("package.build: nothing "
         "became 'x.rs'",)),
        (".gitattributes", b"", b"* text=auto eol=lf\n*.py diff=python\n# x filter=y\n", ()),
        (
            ".gitattributes",
            b"*.bin filter=lfs\n",
            b"*.bin filter=own\n*.txt merge=mine diff=mine\n",
            (
                "diff of *.txt: nothing became 'mine'",
                "filter of *.bin: 'lfs' became 'own'",
                "merge of *.txt: nothing became 'mine'",
            ),
        ),
    ],
)  # fmt: skip
def test_only_what_runs_counts(
    path: str, before: bytes | None, after: bytes | None, told: tuple[str, ...]
) -> None:
    """Each kind of file, and what cannot be read."""
    assert is_compared(path)
    assert changed_entries(path, before, after) == told


def test_the_sentences_are_bounded() -> None:
    """Somebody else wrote the file."""
    lines = "".join(f"*.{number:03} filter={'x' * 500}\n" for number in range(100))
    told = changed_entries("a/.gitattributes", None, lines.encode())
    assert (len(told), told[-1]) == (MAX_DETAILS + 1, "and 80 more")
    assert max(map(len, told)) < 200
