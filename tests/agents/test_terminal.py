"""The tool that ends an agent."""

from typing import Annotated

import pytest
from attrs import frozen
from msgspec import Meta

from dispatch.agents.schema import schema
from dispatch.agents.terminal import Refused, TerminalTool
from dispatch.agents.tools import ToolResult


@frozen(kw_only=True)
class Answer:
    """Arguments of the double."""

    word: Annotated[str, Meta(min_length=1)]
    count: int


async def _no_problems(value: tuple[str, int]) -> tuple[str, ...]:
    return ()


def _tool() -> TerminalTool[Answer, tuple[str, int]]:
    return TerminalTool(
        "finish",
        "Ends it.",
        Answer,
        lambda given: (
            Refused(("count: must be even",)) if given.count % 2 else (given.word, given.count)
        ),
        _no_problems,
    )


async def test_a_valid_call_settles_the_typed_value() -> None:
    """[TT-01] [TT-05]"""
    tool = _tool()
    assert await tool.call({"word": "yes", "count": 2}) == ToolResult("ok")
    assert tool.value == ("yes", 2)


async def test_an_invalid_call_lists_every_problem_and_leaves_it_open() -> None:
    """[TT-02]"""
    tool = _tool()
    result = await tool.call({"word": "", "count": "two"})
    assert result == ToolResult(
        "finish was not accepted.\n"
        "- count: must be a whole number, not a string\n"
        "- word: must not be empty\n"
        "Call finish again with all of this corrected (invalid 1 of at most 6 times).",
        is_error=True,
    )
    assert (tool.value, tool.invalid_calls, tool.refused_claims) == (None, 1, 0)
    assert (await tool.call({"word": "yes", "count": 2})).is_error is False


async def test_what_the_judge_refuses_leaves_it_open() -> None:
    tool = _tool()
    result = await tool.call({"word": "yes", "count": 3})
    assert result.is_error
    assert "count: must be even" in result.content
    assert (tool.value, tool.invalid_calls) == (None, 1)


async def test_a_second_valid_call_is_an_error_and_the_first_value_stays() -> None:
    """[TT-03]"""
    tool = _tool()
    await tool.call({"word": "first", "count": 2})
    again = await tool.call({"word": "second", "count": 4})
    assert again == ToolResult(
        "The answer is already resolved. The first accepted call counts.", is_error=True
    )
    assert tool.value == ("first", 2)


async def test_the_arguments_of_a_late_call_are_judged_before_it_is_told_that_it_is_late() -> None:
    tool = _tool()
    await tool.call({"word": "first", "count": 2})
    late = await tool.call({"word": "second"})
    assert late.is_error
    assert "count: is missing" in late.content


def test_the_model_sees_the_given_name_and_the_schema_of_the_class() -> None:
    """[TT-04]"""
    spec = _tool().spec
    assert (spec.name, spec.parameters) == ("finish", schema(Answer))


async def test_a_claim_that_does_not_hold_is_counted_apart_and_can_be_put_right() -> None:
    seen: list[int] = []

    async def accept(value: int) -> tuple[str, ...]:
        seen.append(value)
        return () if value > 1 else ("b.py is changed but not named.",)

    tool = TerminalTool("finish", "Ends it.", Answer, lambda given: given.count, accept)
    refused = await tool.call({"word": "w", "count": 1})
    assert refused.is_error
    assert "b.py is changed but not named." in refused.content
    assert (tool.value, tool.invalid_calls, tool.refused_claims) == (None, 0, 1)
    assert await tool.call({"word": "w", "count": 2}) == ToolResult("ok")
    assert (tool.value, seen) == (2, [1, 2])


@pytest.mark.parametrize("value", [0, "", ()])
async def test_an_empty_value_is_a_value(value: object) -> None:
    tool: TerminalTool[Answer, object] = TerminalTool("finish", "", Answer, lambda _: value)
    await tool.call({"word": "w", "count": 1})
    assert (await tool.call({"word": "w", "count": 1})).is_error
