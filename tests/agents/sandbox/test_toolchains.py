"""What is found of the operator's programs, and what must never be."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.agents.sandbox.toolchains import Toolchains, described, find_toolchains
from dispatch.agents.sandbox.unseen import SECRET_BELOW_HOME


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An operator's home, with credentials of every known kind."""
    made = tmp_path / "home"
    for name in SECRET_BELOW_HOME:
        place = made / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "secret").write_text("canary")
    return made


def program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def find(home: Path, *path: Path, target: Path | None = None, **more: str) -> Toolchains:
    """The toolchains of an operator with this home, search path and variables."""
    outer = {"HOME": str(home), "PATH": os.pathsep.join(map(str, (*path, "/usr/bin"))), **more}
    return find_toolchains(outer, target)


def own(found: Toolchains, below: Path) -> list[str]:
    """What is visible of a folder, relative to it."""
    return [str(path.relative_to(below)) for path in found.read_only if path.is_relative_to(below)]


def test_a_folder_of_programs_is_visible_and_nothing_beside_it(home: Path) -> None:
    """Not the home it lies in, not the project it belongs to."""
    program(home / "bin/tool")
    program(home / "dev/app/bin/run")
    (home / "dev/app/.env").write_text("KEY=canary")
    found = find(home, home / "bin", home / "dev/app/bin", home / "none", Path("bin"))
    assert found.path == (str(home / "bin"), str(home / "dev/app/bin"), "/usr/bin")
    assert own(found, home) == ["bin", "dev/app/bin"]


def test_a_virtual_environment_brings_the_interpreter_it_links_to(home: Path) -> None:
    """Through every link on the way, as version managers make them."""
    real = home / ".pythons/cpython-3.12.4"
    program(real / "bin/python3.12", "ELF")
    (real / "include").mkdir()
    (home / ".pythons/cpython-3.12").symlink_to("cpython-3.12.4")
    venv = home / "work/venv"
    program(venv / "bin/black", f"#!{venv}/bin/python\n")
    (venv / "bin/python").symlink_to(home / ".pythons/cpython-3.12/bin/python3.12")
    (venv / "pyvenv.cfg").write_text(f"home = {home}/.pythons/cpython-3.12/bin\n")
    found = find(home, venv / "bin", VIRTUAL_ENV=str(venv))
    assert own(found, home) == [
        ".pythons/cpython-3.12",
        ".pythons/cpython-3.12.4",
        "work/venv",
    ]
    assert found.variables["VIRTUAL_ENV"] == str(venv)


def test_links_among_programs_are_followed_to_what_they_start(home: Path) -> None:
    """As pipx, npm and installers leave them; a lone script comes without its project."""
    tool = home / ".local/share/pipx/venvs/black"
    program(tool / "bin/black", f"#!{tool}/bin/python\n")
    (tool / "bin/python").symlink_to("/usr/bin/env")
    (tool / "pyvenv.cfg").write_text("home = /usr/bin\n")
    program(home / "src/scripts/deploy")
    (home / ".local/bin").mkdir(parents=True)
    (home / ".local/bin/black").symlink_to("../share/pipx/venvs/black/bin/black")
    (home / ".local/bin/deploy").symlink_to(home / "src/scripts/deploy")
    found = find(home, home / ".local/bin")
    assert own(found, home) == [
        ".local/bin",
        ".local/share/pipx/venvs/black",
        "src/scripts/deploy",
    ]


def test_a_package_for_node_comes_with_what_it_needs(home: Path) -> None:
    """That lies in other packages: a vendor's program is often one that starts another's file."""
    modules = home / ".npm-global/lib/node_modules"
    program(modules / "@vendor/agent/bin/agent.js", "#!/usr/bin/env node\n")
    program(modules / "@vendor/agent-linux-x64/agent", "ELF")
    (home / ".npm-global/bin").mkdir()
    link = home / ".npm-global/bin/agent"
    link.symlink_to("../lib/node_modules/@vendor/agent/bin/agent.js")
    found = find(home, home / ".npm-global/bin")
    assert own(found, home) == [".npm-global/bin", ".npm-global/lib/node_modules"]


def test_version_managers_are_found_in_their_usual_folders(home: Path) -> None:
    """Variables of those that are there are passed; a wrong one is not."""
    for name in (".pyenv/shims", ".nvm/versions/node/v20/bin", ".rustup/toolchains", "jdk/bin"):
        (home / name).mkdir(parents=True)
    (home / ".nvm/versions/node/v20/etc").mkdir()
    (home / ".nvm/versions/node/v20/etc/npmrc").write_text("canary")
    found = find(home, JAVA_HOME=str(home / "jdk"), GOROOT=str(home / "gone"))
    assert own(found, home) == [".nvm/versions/node/v20/bin", ".pyenv", ".rustup", "jdk"]
    assert found.variables == {
        "JAVA_HOME": str(home / "jdk"),
        "NVM_DIR": str(home / ".nvm"),
        "PYENV_ROOT": str(home / ".pyenv"),
        "RUSTUP_HOME": str(home / ".rustup"),
    }


def test_what_may_hold_credentials_is_left_out_and_said(home: Path) -> None:
    """Whatever leads there: a search path, a variable, a link."""
    (home / ".config/nvm").mkdir(parents=True)
    (home / "link").symlink_to(home / ".ssh")
    found = find(
        home,
        home,
        home / "link",
        Path("/"),
        NVM_DIR=str(home / ".config/nvm"),
        SSL_CERT_FILE=f"{home}/.aws/secret",
    )
    assert own(found, home) == []
    assert found.variables == {}
    assert found.path == ("/usr/bin",)
    assert [line for line in described(found) if line.startswith("left out")] == [
        f"left out: {home}/.config/nvm: {home}/.config may hold credentials",
        f"left out: {home}/.aws/secret: {home}/.aws may hold credentials",
        f"left out: {home}: it is all of {home}",
        f"left out: {home}/.ssh: {home}/.ssh may hold credentials",
        "left out: /: it is all of /",
    ]


def test_a_cache_of_cargo_is_linked_piece_by_piece_without_its_credentials(home: Path) -> None:
    """New crates go beside the links, into the command's own home."""
    for name in ("registry/index/ix", "registry/src/ix/serde-1", "registry/cache/ix"):
        (home / ".cargo" / name).mkdir(parents=True)
    (home / ".cargo/registry/cache/ix/serde-1.crate").write_text("")
    found = find(home)
    assert own(found, home) == [".cargo/registry"]
    assert {link.inner: str(link.outer) for link in found.links} == {
        f".cargo/registry/{name}": f"{home}/.cargo/registry/{name}"
        for name in ("cache/ix/serde-1.crate", "src/ix/serde-1", "index/ix")
    }
    downloading = find_toolchains({"HOME": str(home)}, network=True)
    assert [link.inner for link in downloading.links] == [
        ".cargo/registry/cache/ix/serde-1.crate",
        ".cargo/registry/src/ix/serde-1",
    ]


def test_caches_that_can_be_shared_are_named_by_variables(home: Path) -> None:
    """Where commands may download, what they get goes into a cache of their own."""
    for name in ("go/pkg/mod/cache/download", ".gradle/caches/modules-2", ".m2/repository"):
        (home / name).mkdir(parents=True)
    always = {
        "GRADLE_RO_DEP_CACHE": f"{home}/.gradle/caches",
        "MAVEN_ARGS": f"-Dmaven.repo.local.tail={home}/.m2/repository",
    }
    assert find(home).variables == {"GOMODCACHE": f"{home}/go/pkg/mod", **always}
    outer = {"HOME": str(home), "GOFLAGS": "-v"}
    assert find_toolchains(outer, network=True).variables == {
        "GOFLAGS": "-v -modcacherw",
        "GOPROXY": f"file://{home}/go/pkg/mod/cache/download,https://proxy.golang.org,off",
        **always,
    }
    assert own(find(home), home) == [".gradle/caches/modules-2", ".m2/repository", "go/pkg/mod"]


def test_of_the_target_only_its_dependencies_are_visible(home: Path) -> None:
    """Not its working tree, its git folder or its runs, even when a search path leads there."""
    target = home / "project"
    for name in (".git", "dispatch/bin", "src", "node_modules/.bin", ".venv/bin", "venv"):
        (target / name).mkdir(parents=True)
    outer = {"HOME": str(home), "PATH": f"{target}:{target}/dispatch/bin:{target}/.git"}
    found = find_toolchains(outer, target, hidden=(target / "dispatch",))
    assert own(found, target) == [".venv", "node_modules", "venv"]
    assert len(found.left_out) == 3


def test_a_target_cannot_choose_what_of_the_home_is_visible(home: Path) -> None:
    """Its author may have put links into what looks like an environment."""
    target = home / "project"
    program(home / "private/bin/tool")
    (home / "private/include").mkdir()
    real = program(home / ".pythons/3.12/bin/python3.12", "ELF").parent
    (home / ".pythons/3.12/include").mkdir()
    (real / "python3").symlink_to("python3.12")
    for name in (".venv", "venv"):
        (target / name / "bin").mkdir(parents=True)
        (target / name / "bin/tool").symlink_to(home / "private/bin/tool")
        program(target / name / "bin/pip", f"#!{home}/private/bin/tool\n")
    (target / ".venv/bin/python").symlink_to(home / "private/bin/tool")
    (target / ".venv/pyvenv.cfg").write_text(f"home = {home}/private/bin\n")
    (target / "venv/bin/python").symlink_to(real / "python3")
    (target / "node_modules").symlink_to(home / "private")
    active = {"VIRTUAL_ENV": str(target / ".venv")}
    found = find(home, target / ".venv/bin", target / "node_modules", target=target, **active)
    assert own(found, home) == [".pythons/3.12", "project/.venv", "project/venv"]


@settings(max_examples=25)
@given(data=st.data())
def test_no_search_path_and_no_variable_leads_to_a_secret(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Nothing visible is, holds or lies in a home, the target, or a place of credentials."""
    home = tmp_path_factory.mktemp("home")
    secrets = [home / name for name in SECRET_BELOW_HOME]
    folders = sorted(
        {home, *(p for s in secrets for p in (s / "bin", s) if p.is_relative_to(home))}
    )
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    near = st.sampled_from([*folders, *(f.parent for f in folders), home / "a/bin", home / "b"])
    for name in ("a/bin", "b"):
        (home / name).mkdir(parents=True, exist_ok=True)
        link = home / name / "link"
        link.symlink_to(data.draw(near))
    listed = data.draw(st.lists(near, max_size=4))
    names = data.draw(st.lists(st.sampled_from(["NVM_DIR", "JAVA_HOME", "CARGO_HOME", "GOPATH"])))
    outer = {name: str(data.draw(near)) for name in names}
    outer |= {"HOME": str(home), "PATH": os.pathsep.join(map(str, (*listed, home / "b/link")))}
    found = find_toolchains(outer, home / "a")
    for path in found.read_only:
        real = path.resolve()
        for secret in (home, home / "a", *secrets):
            assert not secret.is_relative_to(real), (outer, path)
        for secret in secrets:
            assert not real.is_relative_to(secret), (outer, path)
