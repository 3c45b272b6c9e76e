"""What every command line has in common: verbs, refusals, exit codes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import User

from dispatch.cli import main
from dispatch.commands.command_line import DOCUMENTS, VERBS, build_parser
from dispatch.commands.mistyped import ELSEWHERE
from dispatch.policy.names import RESERVED_NAMES
from dispatch.state.errors import EXIT_MEANING, ExitCode

Cli = Callable[..., tuple[int, str, str]]

HELP = """\
usage: dispatch [-h] [--version] VERB ...

Carry out a Markdown spec on a git repository with many AI coding agents.
The result is the branch dispatch/RUN and a report; your own branch is never touched.
Without a verb, a run is started or continued.

options:
  -h, --help  show this help message and exit
  --version   show the version and exit

verbs:
  VERB
    run       start a run, or continue it where it stopped
    retry     go on with a run that failed
    answer    show the questions of a run that wait for you, or answer one
    stop      stop a run that is at work elsewhere; what was done is kept
    mcp       serve tools by which another program starts, watches and answers runs
    plan      have a plan written, and no more; then approve, change or discard it
    diff      show what a run, or one of its tasks, changed
    pr        show the pull request of a run that is done, or open it with gh
    export    write the conversations of a run in a format of other programs
    status    show where runs stand and what to do next
    logs      show what happened in a run, also while it happens
    attach    watch a run that another process works on
    report    show a run's report
    route     show who should do which work, by what your past runs cost and came to
    graph     draw the lifecycle of runs or tasks
    rescue    list work that was kept when it could not be used, and restore it
    teardown  remove a run's worktrees; its report, document and branch stay
    clean     remove all that a run left in the repository, branches included
    doctor    check that this machine and repository have what a run needs
    init      write a commented dispatch-config.yaml and a spec.md to fill in
    demo      watch a whole run with scripted agents: no key, no cost
    completion
              print a completion script for a shell
    schema    print what dispatch-config.yaml, or a line of events.jsonl, may hold

first steps:
  dispatch demo          watch a run of scripted agents: no key, no cost
  dispatch init          in a repository: a configuration, and a spec to fill in
  dispatch doctor        what is missing, if anything
  dispatch login-form    start the run login-form; the same again goes on with it

exit status:
  0    done
  1    failed: the run, or what was asked for
  2    the command line, the configuration or the repository does not allow it
  3    the run waits for an answer of the operator
  4    the budget is spent; the run goes on with a higher one
  5    another process is working on the run
  6    the disk or the machine refuses; once it does not, the same command goes on
  130  interrupted; what was done is kept, the same command goes on

more: man dispatch, man dispatch-config, {docs}
"""


def test_help_shows_every_verb_and_every_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as ending:
        main(["--help"])
    assert (ending.value.code, capsys.readouterr().out) == (
        0,
        HELP.format(docs=DOCUMENTS[1]),
    )


def test_every_exit_code_has_a_meaning() -> None:
    assert list(EXIT_MEANING) == list(ExitCode)


@pytest.mark.parametrize("verb", [each.name for each in VERBS])
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main([verb, "--help"])
    assert ending.value.code == 0
    assert "\nexamples:\n  dispatch" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["my-run", "--skip-baseline"],
        ["--skip-baseline", "my-run"],
        ["run", "my-run", "--skip-baseline"],
    ],
)
def test_run_is_the_verb_that_need_not_be_said(arguments: list[str], cli: Cli) -> None:
    """All three reach the same refusal of the same verb: there is no configuration here."""
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("dispatch: There is no ")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["x", "--skip-baselin"],
            "`dispatch run` does not take '--skip-baselin'. Did you mean --skip-baseline?",
        ),
        (
            ["status", "--fancy=1"],
            "`dispatch status` does not take '--fancy=1'. See `dispatch status --help`",
        ),
        (["run", "a", "b"], "`dispatch run` does not take 'b'. See `dispatch run --help`"),
        (
            ["report"],
            "The following arguments are required: RUN. See `dispatch report --help`",
        ),
        (
            ["graph", "--format", "gif"],
            "Argument --format: invalid choice: 'gif' (choose from 'mermaid', 'dot', 'svg', "
            "'png'). See `dispatch graph --help`",
        ),
        (
            ["statsu"],
            "There is no verb and no run 'statsu'; did you mean `dispatch status`? "
            "To start a run of that name: `dispatch run statsu`",
        ),
        (
            ["graph", "--format", "mermiad"],
            "Argument --format: invalid choice: 'mermiad' (choose from 'mermaid', 'dot', 'svg', "
            "'png'). Did you mean mermaid?",
        ),
        (["--verison"], "`dispatch run` does not take '--verison'. Did you mean --version?"),
        (
            ["resume", "my-run"],
            "There is no verb and no run 'resume'; did you mean `dispatch run`? "
            "To start a run of that name: `dispatch run resume`",
        ),
        (
            ["help", "retry"],
            "There is no verb and no run 'help'; did you mean `dispatch retry --help`?",
        ),
        (
            ["help"],
            "There is no verb and no run 'help'; did you mean `dispatch --help`?",
        ),
        (
            ["docter", "--json"],
            "There is no verb and no run 'docter'; did you mean `dispatch doctor`? "
            "To start a run of that name: `dispatch run docter`",
        ),
    ],
)
def test_what_is_not_understood_is_refused_in_a_sentence(
    arguments: list[str], sentence: str, cli: Cli
) -> None:
    """[CLI-05]"""
    assert cli(*arguments) == (2, "", f"dispatch: {sentence}\n")


def test_words_of_other_programs_lead_to_what_is_meant_here() -> None:
    verbs = {verb.name for verb in VERBS}
    assert {word for word in ELSEWHERE if word in verbs} == set()
    known = {name for name in ELSEWHERE.values() if not name.startswith("--")}
    assert known - verbs - RESERVED_NAMES == set()


def test_a_name_like_a_verb_is_a_run_when_there_is_one(user: User, cli: Cli) -> None:
    (user.root / "dispatch" / "statsu").mkdir(parents=True)
    code, out, err = cli("statsu")
    assert (code, out) == (2, "")
    assert err.startswith("dispatch: There is no ")


def test_options_are_never_abbreviated(cli: Cli) -> None:
    assert cli("status", "--js")[0] == 2


def test_a_wrong_commit_strategy_is_refused_on_stderr(user: User, cli: Cli) -> None:
    """[CLI-04] [E2E-03]"""
    roles = ("planner", "implementer", "critic", "gateCritic", "greybeard")
    models = "".join(f"  {role}: m\n" for role in (*roles, "attribution", "fixAgent"))
    config = f"buildGate: [make]\ncommitStrategy: grouped\nmodelConfig:\n{models}"
    user.write({"dispatch-config.yaml": config, "spec.md": "x"})
    code, out, err = cli("my-run")
    assert (code, out) == (2, "")
    assert 'locked to "per-task"' in err


@pytest.mark.parametrize("arguments", [[], ["--repo", "."]])
def test_outside_a_repository_the_refusal_says_where_and_what_to_do(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["status", *arguments])
    assert (code, capsys.readouterr().err) == (
        2,
        f"dispatch: {tmp_path} is not a git repository. Run `git init` there and make a first "
        "commit, or name another folder.\n",
    )


def test_a_reader_that_goes_away_is_no_reason_for_a_traceback() -> None:
    command = f"{sys.executable} -m dispatch schema | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"{", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_closed_leads_nowhere_and_changes_nothing(
    closed: str, user: User
) -> None:
    """Else its number goes to a file of ours, and what a child prints goes into that file."""
    program = f"{sys.executable} -m dispatch"
    command = f"{program} status {closed}; echo $?; {program} status nosuch {closed}; echo $?"
    done = subprocess.run(
        ["bash", "-c", command], cwd=user.root, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert (said, "bug" in done.stderr) == (["0", "2"], False)


def test_an_interrupt_is_exit_code_130_and_one_line() -> None:
    program = (
        "import os, signal, sys\n"
        "from dispatch import cli\n"
        "verb = cli.VERBS[0]._replace(name='wait', add_arguments=lambda parser: None)\n"
        "cli.VERBS = (verb, *cli.VERBS)\n"
        "import types\n"
        "module = types.ModuleType('dispatch.commands.wait')\n"
        "module.run = lambda args: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.modules['dispatch.commands.wait'] = module\n"
        "sys.exit(cli.main(['wait']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"dispatch: Interrupted.\n")


@pytest.mark.parametrize("arguments", [["--version"], ["schema"], ["init"]])
def test_a_folder_of_runs_is_not_taken_for_the_program(arguments: list[str], user: User) -> None:
    """``-m`` begins to look in the working directory, where ``dispatch/`` holds the runs."""
    (user.root / "dispatch").mkdir()
    command = [sys.executable, "-m", "dispatch", *arguments]
    done = subprocess.run(command, cwd=user.root, capture_output=True, check=False, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_debugging_shows_where_an_error_comes_from(user: User) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dispatch", "report", "none"],
        cwd=user.root,
        env={**os.environ, "DISPATCH_DEBUG": "1"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith(
        f"dispatch: There is no run none in {user.root}. Known runs: none.\n"
    )


def test_the_manual_page_is_made_from_a_parser_without_an_epilog() -> None:
    """An epilog would become a section COMMENTS; the exit codes have a section of their own."""
    assert build_parser().epilog is None
