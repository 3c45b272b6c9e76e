"""Which client answers for a model string; each is made once, litellm only when it is needed."""

from collections.abc import Mapping
from pathlib import Path

from ..state.config import Config
from .executors.litellm_client import LitellmClient
from .executors.scripted_client import ScriptedClient, script_path
from .model import ModelClient
from .scripted.script_file import read_script


class Clients:
    """The clients of one run; agents with the same script share its rules."""

    def __init__(self, config: Config, environ: Mapping[str, str]) -> None:
        self._config = config
        self._environ = environ
        self._scripted: dict[Path, ScriptedClient] = {}
        self._litellm: LitellmClient | None = None

    def of(self, model: str) -> ModelClient:
        """The client for a model string; raises UsageError for a script that cannot be read."""
        path = script_path(model)
        if path is None:
            if self._litellm is None:
                self._litellm = self._connect()
            return self._litellm
        if path not in self._scripted:
            self._scripted[path] = ScriptedClient(read_script(path))
        return self._scripted[path]

    async def aclose(self) -> None:
        """Close the connections; closing twice is harmless."""
        if self._litellm is not None:
            await self._litellm.aclose()

    def _connect(self) -> LitellmClient:
        provider = self._config.provider
        key = None if provider is None else self._environ.get(provider.api_key_env)
        return LitellmClient(provider, key, self._config.prices)
