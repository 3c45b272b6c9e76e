"""The build gate that ``dispatch init`` proposes, for each kind of project."""

from pathlib import Path

import pytest

from dispatch.commands.build_gate import Gate, likely_gates


@pytest.mark.parametrize(
    ("files", "gates"),
    [
        ({}, ()),
        (
            {"Makefile": "all:\n\ntest: all\n\tpytest\nlint:\ncheck := 1\n", "go.mod": ""},
            (Gate(commands=("make lint", "make test"), source="Makefile"),),
        ),
        (
            {"pyproject.toml": "[tool.ruff]\n[tool.mypy]\n[tool.pytest.ini_options]\n"},
            (
                Gate(
                    commands=("ruff check", "mypy .", "python -m pytest -q"),
                    source="pyproject.toml",
                ),
            ),
        ),
        (
            {"uv.lock": "", "pyproject.toml": 'dev = ["pytest"]\n'},
            (Gate(commands=("uv run python -m pytest -q",), source="pyproject.toml"),),
        ),
        (
            {"tox.ini": "", "setup.cfg": "[tool:pytest]\n"},
            (Gate(commands=("tox -q",), source="setup.cfg"),),
        ),
        (
            {"tests/test_a.py": ""},
            (Gate(commands=("python -m unittest discover -q",), source="tests/"),),
        ),
        (
            {
                "package.json": '{"scripts": {"build": "b", "start": "s", '
                '"test": "echo \\"Error: no test specified\\" && exit 1"}}',
                "package-lock.json": "{}",
            },
            (Gate(commands=("npm run build",), setup=("npm ci",), source="package.json"),),
        ),
        (
            {"package.json": '{"scripts": {"test": "t"}}', "bun.lock": "", "yarn.lock": ""},
            (
                Gate(
                    commands=("bun run test",),
                    setup=("bun install --frozen-lockfile",),
                    source="package.json",
                ),
            ),
        ),
        ({"package.json": "{ not json"}, ()),
        ({"package.json": "[]"}, ()),
        (
            {"Cargo.toml": ""},
            (
                Gate(
                    commands=("cargo build --quiet --all-targets", "cargo test --quiet"),
                    source="Cargo.toml",
                ),
            ),
        ),
        (
            {"go.mod": ""},
            (Gate(commands=("go vet ./...", "go build ./...", "go test ./..."), source="go.mod"),),
        ),
        (
            {"pom.xml": "", "mvnw": ""},
            (Gate(commands=("./mvnw -q -B verify",), source="mvnw"),),
        ),
        (
            {"build.gradle.kts": ""},
            (Gate(commands=("gradle -q build",), source="build.gradle.kts"),),
        ),
        (
            {"Shop.sln": "", "Shop.csproj": ""},
            (Gate(commands=("dotnet build --nologo", "dotnet test --nologo"), source="Shop.sln"),),
        ),
        (
            {"CMakeLists.txt": ""},
            (
                Gate(
                    commands=(
                        "cmake -S . -B build",
                        "cmake --build build",
                        "ctest --test-dir build",
                    ),
                    source="CMakeLists.txt",
                ),
            ),
        ),
    ],
)
def test_the_files_at_the_root_tell_the_gate(
    files: dict[str, str], gates: tuple[Gate, ...], tmp_path: Path
) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert likely_gates(tmp_path) == gates
