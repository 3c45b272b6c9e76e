"""Real tools build real projects inside bubblewrap, without the network."""

import asyncio
import base64
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from dispatch.agents.sandbox import CommandRunner, find_toolchains
from dispatch.agents.sandbox.bubblewrap import BubblewrapLauncher, locate
from dispatch.agents.sandbox.proxy import Proxy

BUBBLEWRAP = locate()
pytestmark = pytest.mark.skipif(BUBBLEWRAP is None, reason="bubblewrap is not installed")

MODULE = "example.org/answer"


def needs(program: str) -> pytest.MarkDecorator:
    """Skip a test by the name of what it needs."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """The files of a project."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def inside(
    tmp_path: Path,
    tree: Path,
    command: str,
    outer: Mapping[str, str],
    hosts: tuple[str, ...] = (),
    proxy: Proxy | None = None,
) -> tuple[int | None, str]:
    """Exit code and output of a command in ``tree``, for an operator with these variables."""
    assert BUBBLEWRAP is not None
    variables = {"PATH": os.environ["PATH"], **outer}
    output = tmp_path / "run/out.txt"
    with tempfile.TemporaryDirectory() as scratch:
        runner = CommandRunner(
            tmp_path / "run",
            Path(scratch),
            launcher=BubblewrapLauncher(BUBBLEWRAP),
            network=hosts,
            proxy=proxy,
            toolchains=find_toolchains(variables, tmp_path / "target", network=bool(hosts)),
        )
        try:
            result = asyncio.run(runner.run(command, tree, output))
        finally:
            runner.close()
    return result.exit_code, output.read_text(errors="replace")


def outside(words: list[str], cwd: Path, **variables: str) -> None:
    """What the operator did before the run."""
    subprocess.run(words, cwd=cwd, env={**os.environ, **variables}, check=True, capture_output=True)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that is served at an address, as a registry of packages."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words, directory=str(folder))

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def python_project(tmp_path: Path, python: str) -> tuple[Path, dict[str, str]]:
    """A project, and the variables of an operator whose environment with pytest is active."""
    tree = write(
        tmp_path / "tree",
        {
            "answer.py": "def answer(): return 42\n",
            "test_answer.py": "from answer import answer\ndef test(): assert answer() == 42\n",
        },
    )
    venv = tmp_path / "envs/project"
    outside([python, "-m", "venv", "--without-pip", str(venv)], tmp_path)
    site = next(venv.glob("lib/python*/site-packages"))
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py"):
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, site / name)
        else:
            shutil.copy(origin, site)
    script = venv / "bin/pytest"
    script.write_text(f"#!{venv}/bin/python\nimport pytest\nraise SystemExit(pytest.main())\n")
    script.chmod(0o755)
    return tree, {
        "VIRTUAL_ENV": str(venv),
        "PATH": f"{venv}/bin{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path / "home"),
    }


PYTHON_BUILD = (
    "pytest -q && python -m venv made && made/bin/python -c 'import pip, sys; print(sys.prefix)'"
)


def test_python_with_an_environment_made_outside_and_one_made_inside(tmp_path: Path) -> None:
    """Its interpreter is wherever ours is: below a version manager, of the system."""
    tree, outer = python_project(tmp_path, sys.executable)
    code, output = inside(tmp_path, tree, PYTHON_BUILD, outer)
    assert code == 0, output
    assert "1 passed" in output
    assert output.endswith(f"{tree}/made\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no python of the system")
def test_python_as_an_ordinary_user(tmp_path: Path) -> None:
    """The same, started by a user who may do nothing but what all may."""
    tree, outer = python_project(tmp_path, "/usr/bin/python3")
    inside(tmp_path, tree, "true", outer)  # everything is imported now
    shutil.rmtree(tmp_path / "run")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    opened = [each for each in tmp_path.parents if each.stat().st_mode & 0o005 != 0o005]
    modes = {each: each.stat().st_mode for each in opened}
    for each in opened:
        each.chmod(modes[each] | 0o005)
    try:
        pid = os.fork()
        if pid == 0:
            code: int | None = 99
            try:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
                code, _ = inside(tmp_path, tree, f"test $(id -u) = 65534 && {PYTHON_BUILD}", outer)
            finally:
                os._exit(99 if code is None else code)
        _, status = os.waitpid(pid, 0)
    finally:
        for each in opened:
            each.chmod(modes[each])
    output = (tmp_path / "run/out.txt").read_text()
    assert os.waitstatus_to_exitcode(status) == 0, output
    assert "1 passed" in output


@needs("npm")
def test_node_with_the_dependencies_of_the_target_and_with_a_local_package(tmp_path: Path) -> None:
    """The target's node_modules are found from a worktree below it; nothing is downloaded."""
    manifest = {"name": "app", "version": "1.0.0", "scripts": {"test": "node test.js"}}
    target = write(
        tmp_path / "target",
        {
            "node_modules/answer/package.json": '{"name": "answer", "version": "1.0.0"}',
            "node_modules/answer/index.js": "module.exports = 42",
            "secret.env": "KEY=canary",
        },
    )
    tree = write(
        target / "dispatch/run/worktrees/a",
        {
            "package.json": json.dumps(manifest),
            "test.js": "if (require('answer') + require('local') !== 43) process.exit(3)",
            "local/package.json": '{"name": "local", "version": "1.0.0"}',
            "local/index.js": "module.exports = 1",
        },
    )
    code, output = inside(
        tmp_path,
        tree,
        "npm pack ./local && npm install ./local-1.0.0.tgz && npm test"
        " && ! npm install missing && ! cat ../../../../secret.env",
        {"HOME": str(tmp_path / "home")},
    )
    assert code == 0, output
    assert "ENOTCACHED" in output
    assert "canary" not in output


@needs("npm")
def test_node_takes_what_the_operator_s_cache_holds(
    tmp_path: Path, files: tuple[Path, str]
) -> None:
    """`npm ci` works from it, without a copy."""
    served, address = files
    write(
        tmp_path / "answer",
        {
            "package.json": '{"name": "answer", "version": "1.0.0"}',
            "index.js": "module.exports = 42",
        },
    )
    outside(["npm", "pack", "--silent", "--pack-destination", str(served)], tmp_path / "answer")
    digest = hashlib.sha512((served / "answer-1.0.0.tgz").read_bytes()).digest()
    source = {
        "tarball": f"{address}/answer-1.0.0.tgz",
        "integrity": f"sha512-{base64.b64encode(digest).decode()}",
    }
    version = {"name": "answer", "version": "1.0.0", "dist": source}
    listing = {"name": "answer", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    (served / "answer").write_text(json.dumps(listing))
    tree = write(
        tmp_path / "tree",
        {
            ".npmrc": f"registry={address}/\naudit=false\n",
            "package.json": '{"name": "app", "version": "1.0.0", "dependencies": {"answer": "1"}}',
        },
    )
    home = tmp_path / "home"
    home.mkdir()
    outside(["npm", "install", "--cache", str(home / ".npm")], tree, HOME=str(home))
    shutil.rmtree(tree / "node_modules")
    command = "npm ci && node -e 'process.exit(require(\"answer\") - 42)'"
    code, output = inside(tmp_path, tree, command, {"HOME": str(home)})
    assert code == 0, output


def publish_crate(tmp_path: Path, served: Path, address: str, version: str, value: int) -> None:
    """One more version of the crate ``answer`` in a registry."""
    crate = write(
        tmp_path / f"answer-{version}",
        {
            "Cargo.toml": f'[package]\nname = "answer"\nversion = "{version}"\nedition = "2021"\n',
            "src/lib.rs": f"pub fn answer() -> u32 {{ {value} }}\n",
        },
    )
    outside(["cargo", "package", "--no-verify", "--allow-dirty"], crate)
    packed = (crate / f"target/package/answer-{version}.crate").read_bytes()
    entry = {
        "name": "answer",
        "vers": version,
        "deps": [],
        "cksum": hashlib.sha256(packed).hexdigest(),
        "features": {},
        "yanked": False,
    }
    write(served, {"config.json": json.dumps({"dl": f"{address}/dl"}), "an/sw/.folder": ""})
    with (served / "an/sw/answer").open("a") as index:
        index.write(json.dumps(entry) + "\n")
    (served / f"dl/answer/{version}").mkdir(parents=True)
    (served / f"dl/answer/{version}/download").write_bytes(packed)


def rust_project(tmp_path: Path, address: str) -> tuple[Path, dict[str, str]]:
    """A project that needs the crate, and the variables of an operator who builds it."""
    tree = write(
        tmp_path / "tree",
        {
            "Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n'
            '[dependencies]\nanswer = "0.1"\n',
            "src/main.rs": 'fn main() { println!("{}", answer::answer()); }\n'
            "#[test]\nfn right() { assert_eq!(answer::answer(), 42); }\n",
            ".cargo/config.toml": '[source.crates-io]\nreplace-with = "local"\n'
            f'[source.local]\nregistry = "sparse+{address}/"\n',
        },
    )
    rustup = os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))
    return tree, {"HOME": str(tmp_path / "home"), "RUSTUP_HOME": rustup}


@needs("cargo")
def test_rust_with_a_crate_from_the_operator_s_cache(
    tmp_path: Path, files: tuple[Path, str]
) -> None:
    """Cargo's home is the command's own; the registry's pieces are linked into it."""
    served, address = files
    publish_crate(tmp_path, served, address, "0.1.0", 42)
    tree, operator = rust_project(tmp_path, address)
    cargo_home = tmp_path / "home/.cargo"
    outside(["cargo", "fetch"], tree, CARGO_HOME=str(cargo_home), **operator)
    write(cargo_home, {"credentials.toml": "canary"})
    command = f"cargo build && cargo test --offline && cargo run -q && ! cat {cargo_home}/cred*"
    code, output = inside(tmp_path, tree, command, operator)
    assert code == 0, output
    assert "\n42\n" in output
    assert "canary" not in output


@needs("cargo")
def test_rust_downloads_through_the_proxy_what_the_operator_s_cache_does_not_have(
    tmp_path: Path, files: tuple[Path, str]
) -> None:
    """It goes beside the links into the command's home, with a newer index."""
    served, local = files

    async def here(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    proxy = Proxy(resolve=here, is_allowed=lambda address: True)
    host = local.replace("http://127.0.0.1", "registry.example")
    address = f"http://{host}"
    publish_crate(tmp_path, served, address, "0.1.0", 42)
    tree, operator = rust_project(tmp_path, address)
    with proxy.door((host,), None) as door:
        variables = {"http_proxy": f"http://127.0.0.1:{door.address.port}", **operator}
        outside(["cargo", "fetch"], tree, CARGO_HOME=f"{tmp_path}/home/.cargo", **variables)
    publish_crate(tmp_path, served, address, "0.2.0", 43)
    os.utime(served / "an/sw/answer", (2_000_000_000, 2_000_000_000))  # servers go by seconds
    command = "cargo run -q && sed -i '/^answer/s/0.1/0.2/' Cargo.toml && cargo run -q 2>/dev/null"
    code, output = inside(tmp_path, tree, command, operator, (host,), proxy)
    assert code == 0, output
    assert output.endswith("42\n43\n")


@needs("go")
def test_go_with_a_module_from_the_operator_s_cache(tmp_path: Path) -> None:
    """The module cache is the operator's, read-only; what is built goes into the command's home."""
    served = write(
        tmp_path / "served" / MODULE / "@v",
        {
            "list": "v1.0.0\n",
            "v1.0.0.info": '{"Version": "v1.0.0"}',
            "v1.0.0.mod": f"module {MODULE}\n",
        },
    )
    with zipfile.ZipFile(served / "v1.0.0.zip", "w") as packed:
        packed.writestr(f"{MODULE}@v1.0.0/go.mod", f"module {MODULE}\n")
        packed.writestr(f"{MODULE}@v1.0.0/a.go", "package answer\n\nconst Answer = 42\n")
    tree = write(
        tmp_path / "tree",
        {
            "go.mod": f"module app\n\ngo 1.19\n\nrequire {MODULE} v1.0.0\n",
            "main.go": f'package main\n\nimport "{MODULE}"\n\n'
            "func main() { println(answer.Answer) }\n",
            "main_test.go": "package main\n\nimport (\n"
            f'\t"testing"\n\n\t"{MODULE}"\n)\n\n'
            "func TestAnswer(t *testing.T) {\n"
            '\tif answer.Answer != 42 {\n\t\tt.Fatal("no")\n\t}\n}\n',
        },
    )
    home = tmp_path / "home"
    home.mkdir()
    variables = {
        "HOME": str(home),
        "GOFLAGS": "-modcacherw",
        "GOSUMDB": "off",
        "GOPROXY": f"file://{tmp_path}/served",
        "GOPATH": str(home / "go"),
    }
    outside(["go", "mod", "tidy"], tree, **variables)
    command = "go build ./... && go test ./... && go vet ./..."
    code, output = inside(tmp_path, tree, command, {"HOME": str(home)})
    assert code == 0, output
    assert "ok  \tapp" in output


@needs("make")
@needs("cc")
def test_c_with_make(tmp_path: Path) -> None:
    """The system's compiler needs nothing that has to be found."""
    tree = write(
        tmp_path / "tree",
        {
            "Makefile": "check: answer\n\t./answer\nanswer: answer.c\n\t$(CC) -o $@ $<\n",
            "answer.c": '#include <stdio.h>\nint main(void) { return puts("42") < 0; }\n',
        },
    )
    code, output = inside(tmp_path, tree, "make check", {"HOME": str(tmp_path / "home")})
    assert code == 0, output
    assert output.endswith("./answer\n42\n")
