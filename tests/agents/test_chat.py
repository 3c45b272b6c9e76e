import pytest
from fakes.model_talk import WRITE, ask

from dispatch.agents.executors.chat import StreamedTurn, chat_messages, chat_tools
from dispatch.agents.model import (
    AssistantMessage,
    Delta,
    ToolCall,
    ToolReply,
    UserMessage,
)
from dispatch.state.work import Usage

SIGNED = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def streamed(*deltas: dict[str, object], finish: str = "stop") -> AssistantMessage:
    turn = StreamedTurn("call_1", finish)
    for delta in deltas:
        turn.add(delta)
    return turn.message(Usage())


def fragment(
    index: int | None, arguments: object, name: str | None = None, call_id: str | None = None
) -> dict[str, object]:
    function = {"name": name, "arguments": arguments}
    return {"tool_calls": [{"index": index, "id": call_id, "function": function}]}


def test_a_conversation_becomes_chat_messages() -> None:
    call = ToolCall(id="c1", name="write_file", arguments='{"path": "a"}')
    said = AssistantMessage(text="ok", thinking="hm", thinking_blocks=(SIGNED,), tool_calls=(call,))
    request = ask(
        "m",
        UserMessage(text="go"),
        said,
        ToolReply(call_id="c1", name="write_file", content="no such path", is_error=True),
        ToolReply(call_id="c2", name="write_file", content=""),
    )
    assistant = {
        "role": "assistant",
        "content": "ok",
        "tool_calls": [
            {
                "id": "c1",
                "type": "function",
                "function": {"name": "write_file", "arguments": '{"path": "a"}'},
            }
        ],
    }
    before = [
        {"role": "system", "content": "You write files."},
        {"role": "user", "content": "go"},
    ]
    after = [
        {"role": "tool", "tool_call_id": "c1", "content": "Error: no such path"},
        {"role": "tool", "tool_call_id": "c2", "content": "(no output)"},
    ]
    assert chat_messages(request, signed_thinking=True) == [
        *before,
        {**assistant, "thinking_blocks": [SIGNED]},
        *after,
    ]
    assert chat_messages(request, signed_thinking=False) == [
        *before,
        {**assistant, "reasoning_content": "hm"},
        *after,
    ]


def test_a_silent_turn_is_sent_back_as_words_because_providers_refuse_empty_ones() -> None:
    request = ask("m", AssistantMessage(), system="")
    assert chat_messages(request, signed_thinking=False) == [
        {"role": "assistant", "content": "(no answer)"}
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("", "{}"),
        ('{"a": 1}', '{"a": 1}'),
        ('{"a": ', '{"_raw": "{\\"a\\": "}'),
        ("[1]", '{"_raw": "[1]"}'),
    ],
)
def test_arguments_that_are_no_object_are_sent_back_inside_one(given: str, sent: str) -> None:
    call = ToolCall(id="c", name="write_file", arguments=given)
    (message,) = chat_messages(
        ask("m", AssistantMessage(tool_calls=(call,)), system=""), signed_thinking=False
    )
    function = {"name": "write_file", "arguments": sent}
    assert message["tool_calls"] == [{"id": "c", "type": "function", "function": function}]


def test_a_tool_becomes_a_function() -> None:
    function = {
        "name": "write_file",
        "description": "Write a file.",
        "parameters": dict(WRITE.parameters),
    }
    assert chat_tools([WRITE]) == [{"type": "function", "function": function}]


def test_pieces_of_text_and_reasoning_are_joined_and_shown_as_they_come() -> None:
    turn = StreamedTurn("call_1", "stop")
    shown = [
        *turn.add({"reasoning_content": "h"}),
        *turn.add({"reasoning_content": "m", "content": "a"}),
        *turn.add({"content": "b", "reasoning_content": None}),
        *turn.add({}),
    ]
    assert shown == [
        Delta(kind="thinking", text="h"),
        Delta(kind="text", text="a"),
        Delta(kind="thinking", text="m"),
        Delta(kind="text", text="b"),
    ]
    assert turn.message(Usage()) == AssistantMessage(text="ab", thinking="hm")


def test_signed_thinking_is_kept_once_as_it_came() -> None:
    redacted = {"type": "redacted_thinking", "data": "xx"}
    message = streamed(
        {"thinking_blocks": [{"type": "thinking", "thinking": "h"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "m"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "sig"}]},
        {"thinking_blocks": [redacted]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "so"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "two"}]},
    )
    second = {"type": "thinking", "thinking": "so", "signature": "two"}
    assert message.thinking_blocks == (SIGNED, redacted, second)


def test_fragments_of_parallel_calls_are_merged_by_index() -> None:
    message = streamed(
        fragment(0, "", "write_file", "a"),
        fragment(1, "", "read_file", "b"),
        fragment(0, '{"x"'),
        fragment(1, None),
        fragment(0, ": 1}", "write_file", "a"),
    )
    assert message.tool_calls == (
        ToolCall(id="a", name="write_file", arguments='{"x": 1}'),
        ToolCall(id="b", name="read_file", arguments="{}"),
    )
    assert message.finish_reason == "tool_calls"


def test_calls_that_share_an_index_are_told_apart_by_id() -> None:
    message = streamed(
        fragment(0, "{}", "write_file", "a"),
        fragment(0, '{"n":', "write_file", "b"),
        fragment(None, " 2}"),
    )
    assert message.tool_calls == (
        ToolCall(id="a", name="write_file", arguments="{}"),
        ToolCall(id="b", name="write_file", arguments='{"n": 2}'),
    )


def test_a_call_without_an_id_gets_one_and_arguments_as_an_object_become_text() -> None:
    message = streamed(fragment(0, {"x": 1}, "write_file"))
    assert message.tool_calls == (ToolCall(id="call_1_0", name="write_file", arguments='{"x": 1}'),)


def test_an_answer_cut_by_its_limit_says_so_though_it_has_calls() -> None:
    """[W-45]"""
    message = streamed(fragment(0, '{"x', "write_file", "a"), finish="length")
    assert (message.finish_reason, message.tool_calls[0].arguments) == ("length", '{"x')
