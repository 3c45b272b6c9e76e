"""Where things lie in a run's folder, for those who only want to know whether they are there."""

from typing import Final

DOCUMENT: Final = "run-state.yaml"
