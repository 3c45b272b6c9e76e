"""Requests and tools as tests of model clients use them."""

from dispatch.agents.model import Delta, Message, ModelRequest, ToolSpec, UserMessage

WRITE = ToolSpec(
    name="write_file",
    description="Write a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)


def ask(
    model: str,
    *messages: Message,
    system: str = "You write files.",
    tools: tuple[ToolSpec, ...] = (WRITE,),
    max_output_tokens: int = 32_000,
) -> ModelRequest:
    """A request for one turn; without messages the user says go."""
    return ModelRequest(
        model=model,
        system=system,
        messages=messages or (UserMessage(text="go"),),
        tools=tools,
        max_output_tokens=max_output_tokens,
    )


def unheard(delta: Delta) -> None:
    """Takes what streams and forgets it."""
