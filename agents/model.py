"""The one shape of a conversation with a model, whatever speaks to it."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, Literal, Protocol

from attrs import field, frozen

from ..state.enums import AttemptOutcome
from ..state.work import Usage


@frozen(kw_only=True)
class ToolSpec:
    """A tool as the model sees it; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, object]


@frozen(kw_only=True)
class ToolCall:
    """One call a model asked for; ``arguments`` is its JSON text and ``id`` its id, untouched."""

    id: str
    name: str
    arguments: str


@frozen(kw_only=True)
class UserMessage:
    """What we say to the model."""

    text: str


@frozen(kw_only=True)
class AssistantMessage:
    """What the model said in one turn.

    ``thinking_blocks`` are the provider's own blocks (with signatures), sent back untouched.
    ``finish_reason`` is ``stop``, ``tool_calls``, ``length`` or the provider's word.
    """

    text: str = ""
    thinking: str = ""
    thinking_blocks: tuple[Mapping[str, object], ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = field(factory=Usage)


@frozen(kw_only=True)
class ToolReply:
    """What one tool call gave."""

    call_id: str
    name: str
    content: str
    is_error: bool = False


Message = UserMessage | AssistantMessage | ToolReply


def is_empty(message: Message) -> bool:
    """Whether it is a turn with nothing in it: providers refuse to get such a one back."""
    return (
        isinstance(message, AssistantMessage)
        and not message.text.strip()
        and not message.tool_calls
    )


@frozen(kw_only=True)
class ModelRequest:
    """Everything one turn needs; ``model`` is the string from the configuration."""

    model: str
    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    max_output_tokens: int = 32_000


@frozen(kw_only=True)
class Delta:
    """A piece of a turn while it streams, for the trace only."""

    kind: Literal["text", "thinking"]
    text: str


class ModelErrorKind(StrEnum):
    """Why a call failed; what follows each is in ``policy.outcomes``."""

    OVERLOAD = "overload"  # 429 without quota words, 503, 529
    TRANSPORT = "transport"  # no connection, cut stream, 5xx, malformed reply
    TIMEOUT = "timeout"
    QUOTA = "quota"  # spent allowance; only the time that the provider states will help
    AUTH = "auth"  # 401, 403
    CONTEXT = "context"  # the conversation is too long
    REFUSED = "refused"  # any other 4xx


OUTCOME_OF: Final[Mapping[ModelErrorKind, AttemptOutcome]] = {
    ModelErrorKind.OVERLOAD: AttemptOutcome.PROVIDER_OVERLOAD,
    ModelErrorKind.TRANSPORT: AttemptOutcome.TRANSPORT,
    ModelErrorKind.TIMEOUT: AttemptOutcome.TRANSPORT,
    ModelErrorKind.QUOTA: AttemptOutcome.PROVIDER_QUOTA,
    ModelErrorKind.AUTH: AttemptOutcome.PROVIDER_AUTH,
    ModelErrorKind.CONTEXT: AttemptOutcome.CONTEXT_LIMIT,
    ModelErrorKind.REFUSED: AttemptOutcome.PROVIDER_REFUSED,
}
REFUSED_UNREAD: Final = Usage()  # the request was turned away, so nothing is charged for it


class ModelError(Exception):
    """A call that gave no turn; the message holds no key and at most 500 characters of a body.

    ``usage`` is null when the model may have worked on the request, and nobody tells how much: a
    stream that broke off is paid for.
    """

    def __init__(
        self,
        kind: ModelErrorKind,
        message: str,
        retry_after: float | None = None,
        usage: Usage | None = REFUSED_UNREAD,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry_after = retry_after  # seconds, as the provider stated
        self.usage = usage


class Completes(Protocol):
    """Whoever gives a turn for a request."""

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn; raises ModelError."""
        ...


class ModelClient(Completes, Protocol):
    """A model: litellm, or a script.  It makes one request for a turn and never a second."""

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """What a request of at most so many tokens may use; ``cost_usd`` null: no known price."""
        ...
