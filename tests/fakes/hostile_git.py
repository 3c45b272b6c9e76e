"""The ways to make git start a foreign program: settings, hooks, variables, trees, repositories.

Each vector plants one, and names the commands of a careless program that start it.
"""

import os
from collections.abc import Callable
from typing import Final

from attrs import frozen
from fakes.git_repos import write
from fakes.hostile_scene import EVERYDAY, Scene


@frozen
class Vector:
    """One way; ``control`` are shell commands, one of which starts the planted program."""

    name: str
    plant: Callable[[Scene], None]
    control: tuple[str, ...] = EVERYDAY


VECTORS: Final[list[Vector]] = []


def vector(*control: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """A function that plants something, as a vector."""

    def known(plant: Callable[[Scene], None]) -> Callable[[Scene], None]:
        VECTORS.append(Vector(plant.__name__.removeprefix("_"), plant, control or EVERYDAY))
        return plant

    return known


# Each hook alone, with what makes git run it.
_PUSH: Final = "git push --quiet . HEAD:refs/heads/pushed"
_AM: Final = (
    "git format-patch --quiet -1 --stdout side > ../p; git checkout -qf main; git am --quiet ../p"
)
_COMMIT: Final = "git commit --allow-empty -m x"
_LOOSE: Final = "mkdir -p .git/objects/17; touch $(printf '.git/objects/17/%038d ' 1 2)"
HOOKS: Final = {
    "applypatch-msg": _AM,
    "commit-msg": _COMMIT,
    "post-applypatch": _AM,
    "post-checkout": "git checkout -qf side",
    "post-commit": _COMMIT,
    "post-index-change": "git add a.txt",
    "post-merge": "git checkout -qf main; git merge side",
    "post-receive": _PUSH,
    "post-rewrite": "git commit --amend --allow-empty -m x",
    "post-update": _PUSH,
    "pre-applypatch": _AM,
    "pre-auto-gc": f"{_LOOSE}; git -c gc.auto=1 -c gc.autoDetach=false gc --auto",
    "pre-commit": _COMMIT,
    "pre-merge-commit": "git checkout -qf main; git merge --no-ff --no-edit side",
    "pre-push": _PUSH,
    "pre-rebase": "git checkout -qf main; git rebase side",
    "pre-receive": _PUSH,
    "prepare-commit-msg": _COMMIT,
    "push-to-checkout": (
        "git checkout -qf main; git config receive.denyCurrentBranch updateInstead; "
        "git push --quiet . side:main"
    ),
    "reference-transaction": "git tag t",
    "update": _PUSH,
}


def _hook(name: str) -> Callable[[Scene], None]:
    def plant(scene: Scene) -> None:
        for folder in (scene.git_dir, scene.store):
            scene.script(folder / "hooks" / name)

    return plant


VECTORS.extend(Vector(f"hook_{name}", _hook(name), (run,)) for name, run in HOOKS.items())


@vector()
def _hooks_path_in_the_tree(scene: Scene) -> None:
    scene.set("core.hooksPath", ".husky")
    for root in (scene.user.root, scene.worktree):
        for name in HOOKS:
            scene.script(root / ".husky" / name)


@vector()
def _hooks_in_the_store(scene: Scene) -> None:
    scene.user.git("config", "--unset", "core.hooksPath", cwd=scene.store)
    for name in HOOKS:
        scene.script(scene.store / "hooks" / name)


@vector("git init --quiet fresh; git -C fresh commit --allow-empty -m x")
def _hooks_of_a_template(scene: Scene) -> None:
    for name in HOOKS:
        scene.script(scene.user.home / "template/hooks" / name)
    scene.user.git("config", "--global", "init.templateDir", str(scene.user.home / "template"))


@vector("git init --quiet fresh; git -C fresh commit --allow-empty -m x")
def _variable_for_a_template(scene: Scene) -> None:
    for name in HOOKS:
        scene.script(scene.user.home / "template/hooks" / name)
    os.environ["GIT_TEMPLATE_DIR"] = str(scene.user.home / "template")


# Settings of the user's repository.


@vector()
def _fsmonitor_of_the_user(scene: Scene) -> None:
    scene.set("core.fsmonitor")


@vector()
def _fsmonitor_in_the_tree(scene: Scene) -> None:
    scene.set("core.fsmonitor", "./tools/f.sh")
    for root in (scene.user.root, scene.worktree):
        scene.script(root / "tools/f.sh")


@vector()
def _fsmonitor_in_an_included_file_of_the_tree(scene: Scene) -> None:
    write(scene.worktree, {"cfg": f"[core]\n\tfsmonitor = {scene.evil}\n"})
    scene.set("include.path", str(scene.worktree / "cfg"))


@vector()
def _fsmonitor_under_a_condition(scene: Scene) -> None:
    write(scene.worktree, {"cfg": f"[core]\n\tfsmonitor = {scene.evil}\n"})
    scene.set(f"includeIf.gitdir:{scene.user.root}/.path", str(scene.worktree / "cfg"))


@vector()
def _fsmonitor_of_one_working_tree(scene: Scene) -> None:
    scene.set("extensions.worktreeConfig", "true")
    write(scene.git_dir, {"config.worktree": f"[core]\n\tfsmonitor = {scene.evil}\n"})


@vector()
def _clean_and_smudge_filter(scene: Scene) -> None:
    scene.set("filter.fmt.clean")
    scene.set("filter.fmt.smudge")
    scene.attributes("filter=fmt")


@vector()
def _filter_in_the_tree(scene: Scene) -> None:
    for each in ("clean", "smudge"):
        scene.set(f"filter.fmt.{each}", "./tools/fmt.sh")
    for root in (scene.user.root, scene.worktree):
        scene.script(root / "tools/fmt.sh")
    scene.attributes("filter=fmt")


@vector()
def _filter_by_attributes_of_the_repository(scene: Scene) -> None:
    scene.set("filter.fmt.clean")
    write(scene.git_dir, {"info/attributes": "*.txt filter=fmt\n"})


@vector()
def _filter_by_attributes_of_a_file_in_the_tree(scene: Scene) -> None:
    scene.set("filter.fmt.clean")
    scene.set("core.attributesFile", str(scene.worktree / "attr"))
    write(scene.worktree, {"attr": "*.txt filter=fmt\n"})


@vector()
def _filter_with_an_equals_sign_in_its_name(scene: Scene) -> None:
    scene.set("filter.a=b.clean")
    scene.attributes("filter=a=b")


@vector()
def _filter_that_stays(scene: Scene) -> None:
    scene.set("filter.p.process")
    scene.attributes("filter=p")


@vector()
def _filter_of_the_users_own_settings(scene: Scene) -> None:
    scene.user.git("config", "--global", "filter.lfs.clean", str(scene.evil))
    scene.user.git("config", "--global", "filter.lfs.required", "true")
    scene.attributes("filter=lfs")


@vector()
def _filter_in_an_included_file(scene: Scene) -> None:
    write(scene.user.home, {"more": f'[filter "x"]\n\tclean = {scene.evil}\n'})
    scene.set("include.path", str(scene.user.home / "more"))
    scene.attributes("filter=x")


@vector()
def _textconv(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("diff.t.textconv", cwd=place)
    scene.attributes("diff=t")


@vector()
def _external_diff(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("diff.external", cwd=place)


@vector()
def _diff_command(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("diff.t.command", cwd=place)
    scene.attributes("diff=t")


@vector()
def _merge_driver(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("merge.m.driver", f"{scene.evil} %A", cwd=place)
    scene.attributes("merge=m")


@vector()
def _default_merge_driver(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("merge.m.driver", f"{scene.evil} %A", cwd=place)
        scene.set("merge.default", "m", cwd=place)


@vector()
def _signing_program(scene: Scene) -> None:
    scene.set("commit.gpgSign", "true")
    scene.set("gpg.program")


@vector()
def _signing_with_ssh(scene: Scene) -> None:
    scene.set("commit.gpgSign", "true")
    scene.set("gpg.format", "ssh")
    scene.set("gpg.ssh.defaultKeyCommand")


@vector("echo | git interpret-trailers --trailer x", "git commit --allow-empty -m x --trailer x=1")
def _trailer_command(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("trailer.x.key", "X", cwd=place)
        scene.set("trailer.x.cmd", cwd=place)


@vector("git status-of-all")
def _alias(scene: Scene) -> None:
    for name in ("status-of-all", "status", "rev-parse", "update-ref"):
        scene.set(f"alias.{name}", f"!{scene.evil}")


@vector("script -qec 'git -c core.editor=true log' /dev/null")
def _pager(scene: Scene) -> None:
    scene.set("core.pager")
    scene.set("pager.log", "true")


@vector("git commit --allow-empty")
def _editor(scene: Scene) -> None:
    scene.set("core.editor")


@vector("git rebase --interactive HEAD~1", "git checkout -qf side; git rebase -i HEAD~1")
def _sequence_editor(scene: Scene) -> None:
    scene.set("sequence.editor")


@vector("git fetch ssh://user@127.0.0.1:1/x")
def _ssh_command(scene: Scene) -> None:
    scene.set("core.sshCommand")


@vector("git fetch git://127.0.0.1:1/x")
def _git_proxy(scene: Scene) -> None:
    scene.set("core.gitProxy")


@vector("printf 'protocol=https\\nhost=x\\n\\n' | git credential fill")
def _credential_helper(scene: Scene) -> None:
    scene.set("credential.helper", f"!{scene.evil}")


@vector("printf 'protocol=https\\nhost=x\\n\\n' | git credential fill")
def _password_program(scene: Scene) -> None:
    scene.set("core.askPass")


@vector("git fetch origin")
def _upload_pack_of_a_remote(scene: Scene) -> None:
    scene.set("remote.origin.url", str(scene.user.root))
    scene.set("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    scene.set("remote.origin.uploadpack")


@vector("git fetch origin")
def _remote_that_is_a_command(scene: Scene) -> None:
    scene.set("remote.origin.url", f"ext::{scene.evil} %S")
    scene.set("protocol.ext.allow", "always")


@vector("git fetch origin")
def _remote_with_a_helper(scene: Scene) -> None:
    scene.script(scene.evil.parent / "bin/git-remote-evil")
    os.environ["PATH"] = f"{scene.evil.parent / 'bin'}:{os.environ['PATH']}"
    scene.set("remote.origin.url", "evil::x")


@vector("git clone --quiet --no-local . ../copied")
def _hook_for_packing(scene: Scene) -> None:
    scene.user.git("config", "--global", "uploadpack.packObjectsHook", str(scene.evil))


@vector(
    "git init --quiet --bare ../b; git --git-dir=../b fetch --quiet . main:main; "
    "echo $PWD/.git/objects > ../b/objects/info/alternates; "
    "git --git-dir=../b config core.alternateRefsCommand $(git config core.alternateRefsCommand); "
    "git push --quiet ../b HEAD:x"
)
def _command_for_alternates(scene: Scene) -> None:
    for place in (scene.user.root, scene.store):
        scene.set("core.alternateRefsCommand", cwd=place)


@vector("git submodule update")
def _submodule_update_command(scene: Scene) -> None:
    write(scene.user.root, {".gitmodules": '[submodule "s"]\n\tpath = s\n\turl = ./s\n'})
    scene.user.git("init", "--quiet", "s")
    sub = scene.user.root / "s"
    for message in ("recorded", "checked out"):
        scene.user.git("commit", "--quiet", "--allow-empty", "-m", message, cwd=sub)
    recorded = scene.user.git("rev-parse", "HEAD~1", cwd=sub)
    scene.user.git("update-index", "--add", "--cacheinfo", f"160000,{recorded},s")
    scene.set("submodule.s.url", "./s")
    scene.set("submodule.s.update", f"!{scene.evil}")


# Settings and folders of the store, which an agent without a sandbox can write.


@vector()
def _fsmonitor_in_the_store(scene: Scene) -> None:
    scene.set("core.fsmonitor", cwd=scene.store)


@vector()
def _filter_in_the_store(scene: Scene) -> None:
    scene.set("filter.fmt.clean", cwd=scene.store)
    scene.set("filter.fmt.smudge", cwd=scene.store)
    scene.attributes("filter=fmt")


@vector()
def _fsmonitor_of_the_worktree_in_the_store(scene: Scene) -> None:
    scene.set("extensions.worktreeConfig", "true", cwd=scene.store)
    text = f"[core]\n\tbare = false\n\tfsmonitor = {scene.evil}\n"
    write(scene.store, {"worktrees/1a/config.worktree": text, "config.worktree": text})


@vector()
def _common_folder_that_is_another(scene: Scene) -> None:
    other = scene.repository(scene.evil.parent / "other")
    (scene.store / "worktrees/1a/commondir").write_text(f"{other}/.git\n")


# What an agent can do in its worktree.


@vector()
def _pointer_replaced_by_a_repository(scene: Scene) -> None:
    (scene.worktree / ".git").unlink()
    scene.repository(scene.worktree)


@vector()
def _pointer_to_a_git_folder_in_the_tree(scene: Scene) -> None:
    folder = scene.worktree / "x.git"
    scene.user.git("init", "--quiet", "--bare", str(folder))
    scene.user.git("--git-dir", str(folder), "config", "core.bare", "false")
    scene.user.git("--git-dir", str(folder), "config", "core.fsmonitor", str(scene.evil))
    (scene.worktree / ".git").write_text("gitdir: x.git\n")


@vector()
def _pointer_that_is_a_link(scene: Scene) -> None:
    other = scene.repository(scene.evil.parent / "other")
    (scene.worktree / ".git").unlink()
    (scene.worktree / ".git").symlink_to(other / ".git")


@vector()
def _pointer_to_a_folder_with_another_common_one(scene: Scene) -> None:
    other = scene.repository(scene.evil.parent / "other")
    files = {"HEAD": "ref: refs/heads/main\n", "commondir": f"{other}/.git\n"}
    write(scene.worktree / "x.git", files)
    (scene.worktree / ".git").write_text("gitdir: x.git\n")


@vector()
def _worktree_that_is_a_link(scene: Scene) -> None:
    other = scene.repository(scene.evil.parent / "other")
    scene.worktree.rename(scene.evil.parent / "moved")
    scene.worktree.symlink_to(other)


@vector()
def _nested_repository(scene: Scene) -> None:
    scene.repository(scene.worktree / "sub")
    scene.user.git("add", "sub", cwd=scene.worktree)


@vector()
def _nested_repository_with_a_filter(scene: Scene) -> None:
    sub = scene.repository(scene.worktree / "sub")
    scene.user.git("config", "--unset", "core.fsmonitor", cwd=sub)
    scene.user.git("add", "sub", cwd=scene.worktree)
    scene.set("filter.e.clean", cwd=sub)
    write(sub, {".gitattributes": "* filter=e\n", "f": "z"})


@vector("cd b; git status; git log; git fsck")
def _bare_repository_in_the_tree(scene: Scene) -> None:
    bare = scene.worktree / "b"
    scene.user.git("init", "--quiet", "--bare", str(bare))
    scene.user.git("--git-dir", str(bare), "config", "core.bare", "false")
    scene.user.git("--git-dir", str(bare), "config", "core.worktree", "..")
    scene.user.git("--git-dir", str(bare), "config", "core.fsmonitor", str(scene.evil))


@vector()
def _submodule_that_says_what_to_run(scene: Scene) -> None:
    """Git never obeys the file alone, but the settings of the repository below it."""
    text = f'[submodule "a"]\n\tpath = sub\n\turl = ext::{scene.evil}\n\tupdate = !{scene.evil}\n'
    write(scene.worktree, {".gitmodules": text})
    scene.repository(scene.worktree / "sub")
    scene.user.git("add", "sub", ".gitmodules", cwd=scene.worktree)


# Variables of whoever starts us.


def _variable(name: str, *control: str, value: Callable[[Scene], str] | None = None) -> None:
    def plant(scene: Scene) -> None:
        os.environ[name] = str(scene.evil) if value is None else value(scene)

    VECTORS.append(Vector(f"variable_{name}", plant, control or EVERYDAY))


def _settings(scene: Scene) -> str:
    write(scene.evil.parent, {"settings": f"[core]\n\tfsmonitor = {scene.evil}\n"})
    return str(scene.evil.parent / "settings")


def _programs(scene: Scene) -> str:
    scene.script(scene.evil.parent / "exec/git-submodule")
    scene.script(scene.evil.parent / "exec/git")
    return str(scene.evil.parent / "exec")


def _repository(scene: Scene) -> str:
    return str(scene.repository(scene.evil.parent / "other") / ".git")


_variable("GIT_EXTERNAL_DIFF")
_variable("GIT_CONFIG_GLOBAL", value=_settings)
_variable("GIT_CONFIG_PARAMETERS", value=lambda scene: f"'core.fsmonitor={scene.evil}'")
_variable("GIT_DIR", value=_repository)
_variable("GIT_EDITOR", "git commit --allow-empty")
_variable("GIT_SEQUENCE_EDITOR", "git checkout -qf side; git rebase --interactive HEAD~1")
_variable("GIT_SSH", "git fetch ssh://user@127.0.0.1:1/x")
_variable("GIT_SSH_COMMAND", "git fetch ssh://user@127.0.0.1:1/x")
_variable("GIT_PROXY_COMMAND", "git fetch git://127.0.0.1:1/x")
_variable("GIT_ASKPASS", "printf 'protocol=https\\nhost=x\\n\\n' | git credential fill")
_variable("GIT_PAGER", "script -qec 'git log' /dev/null")
_variable("GIT_EXEC_PATH", "git submodule status", value=_programs)


@vector()
def _variables_that_are_settings(scene: Scene) -> None:
    os.environ["GIT_CONFIG_COUNT"] = "1"
    os.environ["GIT_CONFIG_KEY_0"] = "core.fsmonitor"
    os.environ["GIT_CONFIG_VALUE_0"] = str(scene.evil)


@vector()
def _program_named_git(scene: Scene) -> None:
    scene.script(scene.evil.parent / "bin/git")
    os.environ["PATH"] = f"{scene.evil.parent / 'bin'}:{os.environ['PATH']}"


@vector()
def _programs_in_the_folder_we_are_in(scene: Scene) -> None:
    for name in ("git", "sh", "cat", "false"):
        scene.script(scene.worktree / name)
        scene.script(scene.user.root / name)
    os.environ["PATH"] = f".:{os.environ['PATH']}"
    os.chdir(scene.worktree)
