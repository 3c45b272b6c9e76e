"""Budgets and provider's faults from outside: the program, a model behind HTTP, real prices."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from fakes.child_program import Ended, Program, document, task_of, until
from fakes.git_repos import User
from fakes.tally_user import KEY, KEY_VARIABLE, set_dear_models, tally_script, tally_user

from dispatch.agents.scripted.script import Reply, Request, Script
from dispatch.agents.scripted.thread import ServerThread
from dispatch.policy.ledger import account, attempts_of
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import AttemptOutcome, RunStatus, TaskStatus
from dispatch.state.records import Run

RUN = "capped"


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody who works on the project of the demonstration."""
    return tally_user(tmp_path / "user")


@pytest.fixture
def program(user: User) -> Program:
    """The program, with the key of the user's endpoint."""
    return Program(user, {KEY_VARIABLE: KEY})


def run_of(user: User) -> Run:
    return load_run(user.root / "dispatch" / RUN / DOCUMENT)


def spent(user: User) -> float:
    """All that the document takes to be spent, in USD."""
    return account(attempts_of(run_of(user))).used.cost_usd or 0.0


def is_submitted(user: User, task_id: str) -> Callable[[], bool]:
    return lambda: task_of(document(user, RUN), task_id).get("status") == "submitted"


def is_done(user: User, ended: Ended) -> None:
    assert (ended.code, ended.out) == (0, f"{user.root}/dispatch/{RUN}/report.md\n"), ended.err


def failing_first(script: Script, name: str, fault: Reply, times: int = 1) -> None:
    """The rule meets so many requests with a fault before it answers."""
    rule = script.rule(name)
    answer = rule.reply
    assert isinstance(answer, Reply)

    def reply(request: Request) -> Reply:
        return fault if len(rule.requests) <= times else answer

    rule.reply, rule.times = reply, times + 1


def test_a_run_that_reached_its_cap_goes_on_with_a_higher_one_and_asks_nobody_twice(
    user: User, program: Program
) -> None:
    """[W-65] Nothing failed in between, and what it says is how to go on."""
    with ServerThread(tally_script()) as server:
        set_dear_models(user, server.url, "runLimits: {turns: 3}")
        for _ in range(2):  # with the same cap it only says the same again
            ended = program.run(RUN)
            assert (ended.code, ended.out) == (4, ""), ended.err
            assert ended.err.endswith(
                "dispatch: The run has reached its cap runLimits.turns: 3 of 3 turns are used. "
                "Everything done is kept. Raise runLimits.turns in the configuration, then "
                f"continue it: dispatch {RUN}\n"
            )
            run = run_of(user)
            assert (run.status, run.failure) == (RunStatus.EXECUTING, None)
            assert [task.failure for task in run.tasks] == [None] * 4
            assert len(server.requests) == 3
        shown = program.run("status", RUN)
        assert "  budget   run: 3 of 3 turns used\n" in shown.out
        assert "  paused   The run has reached its cap runLimits.turns: " in shown.out
        set_dear_models(user, server.url, "runLimits: {turns: 100}")
        is_done(user, program.run(RUN))
        server.check()
    run = run_of(user)
    assert run.paused == ""
    assert account(attempts_of(run)).used.turns == len(server.requests)


def test_money_is_counted_turn_by_turn_and_the_cap_is_not_passed(
    user: User, program: Program
) -> None:
    """One agent is cut off when its next turn could pass the cap; its sibling's work stays."""
    script = tally_script()
    dear = script.rule("1b-top turn 3")
    assert isinstance(dear.reply, Reply)
    assert dear.reply.usage is not None
    dear.reply = evolve(dear.reply, usage=evolve(dear.reply.usage, output=20_000))  # 2 USD
    with ServerThread(script) as server:
        set_dear_models(user, server.url, "runLimits: {usd: 5}\nmaxParallel: 1")
        ended = program.run(RUN)
        assert ended.code == 4, ended.err
        assert re.search(
            r"its cap runLimits.usd: 2\.\d+ of 5.00 USD are used, and the next turn may take up "
            r"to 3\.\d+ USD\. ",
            ended.err,
        )
        assert 2.0 < spent(user) < 5.0
        first, second = run_of(user).tasks[:2]
        assert (first.status, second.status) == (TaskStatus.SUBMITTED, TaskStatus.RUNNING)
        (cut_off,) = second.attempts
        assert cut_off.outcome is None  # it goes on where it was
        set_dear_models(user, server.url, "runLimits: {usd: 50}")
        is_done(user, program.run(RUN))
        server.check()


def test_the_cap_of_a_task_fails_that_task_and_no_other(user: User, program: Program) -> None:
    script = tally_script()
    with ServerThread(script) as server:
        set_dear_models(user, server.url, "taskLimits: {turns: 3}")
        ended = program.run(RUN)
    assert ended.code == 1
    first, second = run_of(user).tasks[:2]
    assert second.failure is not None
    assert (second.failure.kind, second.failure.message) == (
        "budget",
        "It has reached its cap taskLimits.turns: 3 of 3 turns are used.",
    )
    assert first.output is not None
    assert first.failure is None


def test_a_kill_leaves_an_account_that_is_not_below_what_was_spent(
    user: User, program: Program
) -> None:
    """[RL-05] The request under way was made, and is counted though nobody told its usage."""
    script = tally_script("1b-top turn 3")
    with ServerThread(script) as server:
        set_dear_models(user, server.url, "")
        with program.started(RUN) as process:
            server.wait_seen("1b-top turn 3")
            until(is_submitted(user, "1a-lines"))
            process.kill()
        server.settled()
        made = len(server.requests) + 1  # the one that is held
        killed = account(attempts_of(run_of(user)))
        assert killed.spent.turns + killed.reserved.turns == made
        assert killed.reserved.output_tokens == 32_000
        server.release("1b-top turn 3")


def test_a_spent_allowance_is_waited_for_and_the_run_goes_on_by_itself(
    user: User, program: Program
) -> None:
    """The same request is made again, so that nothing is paid twice."""
    script = tally_script()
    spent_for_now = Reply(
        status=429,
        error="You exceeded your current quota.",
        error_type="insufficient_quota",
        headers={"retry-after": "1"},
    )
    failing_first(script, "planner proposes", spent_for_now)
    with ServerThread(script) as server:
        set_dear_models(user, server.url, "")
        ended = program.run(RUN)
        is_done(user, ended)
        server.check()
    assert re.search(r"paused until \d\d:\d\d:\d\d \(quota of smoke/planner\)", ended.err)
    assert [each.outcome for each in run_of(user).attempts[:1]] == [AttemptOutcome.OK]


def test_a_key_that_is_not_accepted_pauses_the_run_and_fails_no_task(
    user: User, program: Program
) -> None:
    """[RL-10] Once the key is right the same command goes on; who had finished is not asked."""
    script = tally_script()
    refused = Reply(status=401, error="Incorrect API key.", error_type="invalid_request_error")
    failing_first(script, "1b-top turn 1", refused)
    with ServerThread(script) as server:
        set_dear_models(user, server.url, "")
        ended = program.run(RUN)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.endswith(
            "dispatch: The run pauses: smoke/implementer does not work. The implementer of attempt "
            "1b-top.implementer.1 ended with provider-auth: Incorrect API key. Put the key in its "
            f"environment variable right. Then continue it: dispatch {RUN}\n"
        )
        run = run_of(user)
        assert (run.status, run.failure) == (RunStatus.EXECUTING, None)
        assert [task.failure for task in run.tasks] == [None] * 4
        is_done(user, program.run(RUN))
        server.check()


def test_another_model_takes_over_when_the_first_is_overloaded(
    user: User, program: Program
) -> None:
    """The fresh attempt says which model it had."""
    script = tally_script()
    busy = Reply(
        status=503, error="Overloaded.", error_type="overloaded", headers={"retry-after": "3600"}
    )
    failing_first(script, "1b-top turn 1", busy)
    fallback = "fallback: {implementer: [smoke/second]}\nmaxQuotaWaitSeconds: 60"
    with ServerThread(script) as server:
        set_dear_models(user, server.url, fallback)
        is_done(user, program.run(RUN))
        server.check()
    implementers = [
        (each.model, each.outcome)
        for each in run_of(user).tasks[1].attempts
        if each.role == "implementer"
    ]
    assert implementers == [
        ("smoke/implementer", AttemptOutcome.PROVIDER_OVERLOAD),
        ("smoke/second", AttemptOutcome.OK),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            "runLimits: {usd: 5}\nfallback: {critic: [smoke/free]}",
            "The price of smoke/free (used by critic) is not known, so runLimits.usd could not be "
            "kept. State the price below prices in the configuration, or remove runLimits.usd.",
        ),
        (
            "fallback: {critic: ['scripted:none.yaml']}",
            "none.yaml: cannot be read as a script: No such file or directory.",
        ),
        ("fallback: {critik: []}", "fallback.critik: is not known; did you mean critic?"),
        ("runLimits: {usd: 0}", "runLimits.usd: 0 is not above 0"),
    ],
)
def test_models_that_may_take_over_are_looked_at_before_anything_is_begun(
    user: User, program: Program, more: str, says: str
) -> None:
    set_dear_models(user, "http://127.0.0.1:9", more)
    ended = program.run(RUN)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert not (user.root / "dispatch" / RUN).exists()
