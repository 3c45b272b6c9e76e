import asyncio

import pytest

from dispatch.agents.scripted.script import Reply, Request, Said, Script, ScriptError, When

HELLO = Reply(text="hello")


def asked(
    *said: tuple[str, str], model: str = "m", tools: tuple[str, ...] = ("proposeTask",)
) -> Request:
    roles = {"u": "user", "a": "assistant", "t": "tool"}
    return Request(
        wire="process",
        model=model,
        system="",
        messages=tuple(Said(role=roles[role], text=text) for role, text in said),  # type: ignore[arg-type]  # the three roles
        tools=tools,
    )


def test_a_request_knows_its_turn_its_first_and_its_last_message() -> None:
    request = asked(("u", "plan it"), ("a", "ok"), ("t", "done"), ("a", ""))
    assert (request.turn, request.first, request.last) == (2, "plan it", "")
    assert request.text == "plan it\nok\ndone\n"
    assert (asked().turn, asked().first, asked().last) == (0, "", "")


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(), True),
        (When(tool="proposeTask", turn=1, model="m"), True),
        (When(contains=("plan", "it"), last_contains=("do",)), True),
        (When(tool="submitOutput"), False),
        (When(turn=0), False),
        (When(model="other"), False),
        (When(contains=("plan", "that")), False),
        (When(contains=("done",)), False),
        (When(last_contains=("plan",)), False),
    ],
)
def test_all_that_a_condition_names_must_hold(when: When, holds: bool) -> None:
    assert when(asked(("u", "plan it"), ("a", "ok"), ("t", "done"))) is holds


async def test_a_rule_answers_as_often_as_it_says_and_then_is_no_candidate() -> None:
    script = Script()
    first = script.on("first", When(), HELLO)
    assert await script.play(asked(("u", "1"))) is HELLO
    script.on("rest", When(), Reply(text="again"), times=None)
    assert [await script.play(asked(("u", str(n)))) for n in (2, 3)] == [Reply(text="again")] * 2
    assert [request.first for request in first.requests] == ["1"]
    assert script.problems() == ()


async def test_a_reply_may_be_made_from_the_request() -> None:
    script = Script()
    script.on("echo", When(), lambda request: Reply(text=request.last))
    assert await script.play(asked(("u", "back"))) == Reply(text="back")


async def test_a_request_that_no_rule_or_two_rules_meet_is_an_error_that_names_both_sides() -> None:
    script = Script()
    script.on("plan", When(tool="proposeTask"), HELLO)
    script.on("any", When(model="m"), HELLO)
    request = asked(("u", "go"))
    none = asked(("u", "go"), model="x", tools=())
    with pytest.raises(ScriptError) as two:
        await script.play(request)
    with pytest.raises(ScriptError) as zero:
        await script.play(none)
    assert two.value.message == (
        "2 rules match: plan, any. The request: model m, turn 0, tools proposeTask, "
        "last message 'go'."
    )
    assert zero.value.message == (
        "no rule matches; not used up: plan, any. The request: model x, turn 0, tools none, "
        "last message 'go'."
    )
    with pytest.raises(ScriptError) as checked:
        script.check()
    assert checked.value.message.splitlines() == [
        two.value.message,
        zero.value.message,
        "Rule 'plan' was played 0 of 1 times.",
        "Rule 'any' was played 0 of 1 times.",
    ]


async def test_a_held_rule_shows_that_it_was_asked_and_waits_to_be_let_go() -> None:
    script = Script()
    rule = script.on("held", When(), HELLO, held=True)
    playing = asyncio.create_task(script.play(asked()))
    await rule.seen.wait()
    assert not playing.done()
    rule.go.set()
    assert await playing is HELLO


def test_names_are_unique_and_an_unknown_one_is_answered_with_the_known_ones() -> None:
    script = Script()
    script.on("plan", When(), HELLO)
    with pytest.raises(ScriptError, match="Two rules are named 'plan'"):
        script.on("plan", When(), HELLO)
    with pytest.raises(ScriptError, match=r"No rule is named 'paln'. There are plan"):
        script.rule("paln")
