"""The part of litellm that we use, as protocols: it has no types of its own that would hold."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol


class ChunkDelta(Protocol):
    """What a piece of an answer adds."""

    def model_dump(self) -> dict[str, object]:
        """It as plain data."""
        ...


class Choice(Protocol):
    """One of the answers that a piece belongs to; there is only one."""

    finish_reason: str | None
    delta: ChunkDelta


class Chunk(Protocol):
    """A piece of an answer; the last one may have ``usage``, too."""

    choices: list[Choice]


class Stream(Protocol):
    """An answer as it comes."""

    received_finish_reason: str | None

    def __aiter__(self) -> AsyncIterator[Chunk]: ...

    async def __anext__(self) -> Chunk: ...

    async def aclose(self) -> None:
        """Close the connection."""
        ...


class HttpClient(Protocol):
    """A client that litellm keeps."""

    async def close(self) -> None:
        """Close its connections."""
        ...


class Cache(Protocol):
    """Where litellm keeps clients."""

    def flush_cache(self) -> None:
        """Forget them."""
        ...


class Litellm(Protocol):
    """The module."""

    suppress_debug_info: bool
    model_cost: Mapping[str, Mapping[str, object]]
    in_memory_llm_clients_cache: Cache

    async def acompletion(self, **call: object) -> Stream:
        """Begin an answer."""
        ...

    async def close_litellm_async_clients(self) -> None:
        """Close the clients in its list."""
        ...

    def get_llm_provider(self, model: str) -> tuple[str, str, str | None, str | None]:
        """The model's own name, its provider's, a key and a base."""
        ...

    def cost_per_token(self, **usage: object) -> tuple[float, float]:
        """USD for what was sent and for what was received."""
        ...

    def validate_environment(self, model: str) -> Mapping[str, list[str]]:
        """Under ``missing_keys``, the variables that a model needs and that are not set."""
        ...
