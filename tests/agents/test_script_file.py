from pathlib import Path

import pytest

from dispatch.agents.scripted.script import Call, Drip, Reply, Request, Tokens, When
from dispatch.agents.scripted.script_file import read_script, script_from
from dispatch.state.errors import UsageError

TEXT = """\
rules:
  - name: the plan
    when:
      tool: proposeTask
      turn: 0
      model: smoke/planner
      contains: [hello, world]
      last_contains: go
    times: any
    held: true
    reply:
      text: I plan.
      thinking: Hm.
      signature: sig
      calls:
        - name: proposeTask
          arguments: {id: greet}
          id: call_7
        - {name: finalizePlan, arguments: '{"mode": '}
      usage: {input: 7, output: 3, cached: 2, usd: 0.5}
      finish: length
      cut: 40
      drip: {bytes: 16, seconds: 0.25}
  - name: a fault
    reply:
      status: 429
      error: slow down
      error_type: rate_limit_error
      headers: {retry-after: 1}
      usage: none
  - name: nothing
"""


def request() -> Request:
    return Request(wire="process", model="m", system="", messages=(), tools=())


def test_a_file_says_all_that_a_rule_can(tmp_path: Path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(TEXT, encoding="utf-8")
    script = read_script(path)
    plan, fault, nothing = (script.rule(name) for name in ("the plan", "a fault", "nothing"))
    assert plan.when == When(
        tool="proposeTask",
        turn=0,
        model="smoke/planner",
        contains=("hello", "world"),
        last_contains=("go",),
    )
    assert (plan.times, plan.held, fault.times, fault.held) == (None, True, 1, False)
    assert plan.reply == Reply(
        text="I plan.",
        thinking="Hm.",
        signature="sig",
        calls=(
            Call(name="proposeTask", arguments={"id": "greet"}, id="call_7"),
            Call(name="finalizePlan", arguments='{"mode": '),
        ),
        usage=Tokens(input=7, output=3, cached=2, usd=0.5),
        finish="length",
        cut=40,
        drip=Drip(bytes=16, seconds=0.25),
    )
    assert fault.reply == Reply(
        status=429,
        error="slow down",
        error_type="rate_limit_error",
        headers={"retry-after": "1"},
        usage=None,
    )
    assert (nothing.when(request()), nothing.reply) == (True, Reply())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "s: [] is not a mapping."),
        ({}, "s: there are no rules."),
        ({"rules": {}}, "s: rules: {} is not a list."),
        ({"rules": [{"when": {"tol": "x"}}]}, "s: rules[0]: when: unknown key 'tol'."),
        ({"rules": [{"repyl": {}}]}, "s: rules[0]: unknown key 'repyl'."),
        ({"rules": [{"times": "many"}]}, "s: rules[0]: times: 'many' is not of type int."),
        (
            {"rules": [{"reply": {"status": True}}]},
            "s: rules[0]: reply: status: True is not of type int.",
        ),
        (
            {"rules": [{"reply": {"calls": [{"name": 1}]}}]},
            "s: rules[0]: reply: calls[0]: name: 1 is not of type str.",
        ),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "s: Two rules are named 'a'."),
    ],
)
def test_what_is_no_script_is_refused_with_the_place(data: object, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        script_from(data, "s")
    assert caught.value.message == message


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a script"):
        read_script(tmp_path / "missing.yaml")
    (tmp_path / "broken.yaml").write_text("rules: [", encoding="utf-8")
    with pytest.raises(UsageError, match=r"broken\.yaml"):
        read_script(tmp_path / "broken.yaml")
