"""``dispatch status``: where runs stand, read from the document alone."""

import json
from collections.abc import Callable

from attrs import evolve
from fakes.git_repos import User
from fakes.small_records import a_run, a_task
from fakes.told_run import told_run

from dispatch.state.config import Caps
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AttemptOutcome, Role
from dispatch.state.lock import hold
from dispatch.state.work import Attempt, Usage

Cli = Callable[..., tuple[int, str, str]]

TOLD = """\
Run told: failed
Question e-2: Go on?
  answer   dispatch answer told e-2 go-on|stop
  branch   dispatch/told, from 111111111111
  started  2026-01-02T03:04:05.678Z
  process  none is working on it
  usage    5 turns, 1,700 tokens in, 400 out, cost unknown
  failure  aborted while verifying:
           make test went from exit 0 to exit 2.
Level 1
  1a-good  completed, cccccccccccc, 1 attempt, 2 turns, 500 tokens in, 60 out, cost unknown
  1b-bad  failed, no commit, 0 attempts, agent-failed: The implementer ran out of turns.
Next
  Answer the question e-2: Go on?
  You ended it with your answer, which is in the report under Escalations.
  Then go on: dispatch retry told; what was committed stays.
  See what failed tasks had done: dispatch rescue told
  More is in the report: dispatch report told --format md
"""


def test_one_run_is_shown_in_detail(user: User, cli: Cli) -> None:
    DocumentStore.create(user.root / "dispatch" / "told", told_run())
    assert cli("status", "told") == (0, TOLD, "")


def test_an_answer_that_is_not_taken_up_yet_is_not_asked_for_again(user: User, cli: Cli) -> None:
    DocumentStore.create(user.root / "dispatch" / "told", told_run())
    assert cli("answer", "told", "e-2", "go-on")[0] == 0
    lines = TOLD.splitlines(keepends=True)
    lines[2] = "  answer   go-on, not taken up yet\n"
    del lines[lines.index("  Answer the question e-2: Go on?\n")]
    assert cli("status", "told") == (0, "".join(lines), "")
    assert json.loads(cli("status", "told", "--json")[1])["given"] == {"e-2": "go-on"}
    assert "open question" not in cli("status")[1]


def test_without_a_name_every_run_is_a_line_and_a_bad_one_says_why(user: User, cli: Cli) -> None:
    runs = user.root / "dispatch"
    DocumentStore.create(runs / "told", told_run())
    DocumentStore.create(runs / "early", a_run("early"))
    user.write({"dispatch/notes.txt": "stray", "dispatch/killed/lock": ""})
    with hold(runs / "early", "2026-01-02T03:04:06Z"):
        code, out, err = cli("status")
    lines = out.split("\n")
    assert lines[0].startswith("early   planning             process ")
    assert (code, lines[1:], err) == (
        0,
        [
            "killed  not begun",
            "told    failed               1 of 2 tasks completed, 1 open question, cost unknown",
            "",
        ],
        "",
    )


def test_a_document_that_cannot_be_read_does_not_hide_the_others(user: User, cli: Cli) -> None:
    DocumentStore.create(user.root / "dispatch" / "good", a_run("good"))
    user.write({"dispatch/broken/run-state.yaml": "name: [\n"})
    code, out, err = cli("status")
    lines = out.split("\n")
    assert (code, lines[1:], err) == (1, ["good    planning", ""], "")
    assert lines[0].startswith("broken  unreadable           The run-state YAML is invalid: ")


def test_scripts_get_the_same_as_json(user: User, cli: Cli) -> None:
    run = evolve(a_run("r"), tasks=(a_task("1a-x"),))
    DocumentStore.create(user.root / "dispatch" / "r", run)
    nothing = {
        "turns": 0,
        "inputTokens": 0,
        "outputTokens": 0,
        "cachedTokens": 0,
        "costUsd": 0.0,
    }
    uncapped = dict.fromkeys(("turns", "tokens", "usd", "wallSeconds"))
    code, out, err = cli("status", "r", "--json")
    assert (code, json.loads(out), err) == (
        0,
        {
            "version": 1,
            "name": "r",
            "status": "planning",
            "live": None,
            "branch": "dispatch/r",
            "baseCommit": "1" * 40,
            "createdAt": "2026-01-02T03:04:05.678Z",
            "usage": nothing,
            "budget": {
                "spent": nothing,
                "reserved": nothing,
                "assumed": nothing,
                "unpriced": [],
                "activeSeconds": 0.0,
                "runLimits": uncapped,
                "taskLimits": uncapped,
            },
            "paused": None,
            "failure": None,
            "escalations": [],
            "given": {},
            "tasks": [
                {
                    "id": "1a-x",
                    "level": 1,
                    "status": "pending",
                    "commit": None,
                    "attempts": 0,
                    "usage": nothing,
                    "failure": None,
                }
            ],
            "next": ["Continue it: dispatch r"],
        },
        "",
    )
    code, out, err = cli("status", "--json")
    assert json.loads(out) == {
        "version": 1,
        "runs": [
            {
                "name": "r",
                "status": "planning",
                "live": None,
                "problem": None,
                "tasks": 1,
                "completed": 0,
                "questions": 0,
                "costUsd": 0.0,
                "createdAt": "2026-01-02T03:04:05.678Z",
            }
        ],
    }


def test_a_repository_without_runs_says_so(cli: Cli) -> None:
    assert cli("status") == (0, "There are no runs here.\n", "")


def test_an_unknown_run_is_answered_with_the_nearest(user: User, cli: Cli) -> None:
    DocumentStore.create(user.root / "dispatch" / "login-form", a_run("login-form"))
    assert cli("status", "login-from") == (
        2,
        "",
        f"dispatch: There is no run login-from in {user.root}. Did you mean login-form?\n",
    )


def test_what_agents_said_cannot_control_the_terminal(user: User, cli: Cli) -> None:
    run = told_run()
    assert run.failure is not None
    run = evolve(run, failure=evolve(run.failure, message="\x1b[2Jgone\u202e\nsecond line"))
    DocumentStore.create(user.root / "dispatch" / "told", run)
    _, out, _ = cli("status", "told")
    assert out.split("\n")[8:10] == ["           gone", "           second line"]


def test_what_is_used_and_what_may_be_is_shown_with_why_it_stopped(user: User, cli: Cli) -> None:
    paid = Usage(turns=3, input_tokens=1000, output_tokens=200, cost_usd=1.5)
    worst = Usage(turns=1, input_tokens=500, output_tokens=32_000, cost_usd=0.25)
    plain = Attempt(
        id="plan.planner.1",
        role=Role.PLANNER,
        executor="litellm",
        model="m",
        started_at="2026-01-02T03:04:05.678Z",
        usage=paid,
        unsettled=worst,
    )
    ended = evolve(plain, id="1a-x.implementer.1", outcome=AttemptOutcome.CRASHED)
    run = evolve(
        a_run("r"),
        attempts=(plain,),
        tasks=(evolve(a_task("1a-x"), attempts=(ended,)),),
        run_limits=Caps(turns=10, tokens=100_000, usd=4.0, wall_seconds=60),
        task_limits=Caps(usd=2.0),
        active_seconds=12.5,
        paused="The run has reached its cap.",
    )
    DocumentStore.create(user.root / "dispatch" / "r", run)
    _, out, _ = cli("status", "r")
    assert [line for line in out.split("\n") if line.startswith(("  budget", "  paused"))] == [
        "  budget   run: 7 of 10 turns used",
        "  budget   run: 34,900 of 100,000 tokens used",
        "  budget   run: $3.2500 of $4.0000 used",
        "  budget   run: 12 of 60 seconds used",
        "  budget   task 1a-x: $1.7500 of $2.0000 used",
        "  budget   reserved by requests under way: up to 32,500 tokens, $0.2500",
        "  budget   assumed for requests whose usage nobody told: up to 32,500 tokens, $0.2500",
        "  paused   The run has reached its cap.",
    ]
