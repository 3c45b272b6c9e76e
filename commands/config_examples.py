"""Examples for keys of ``dispatch-config.yaml``; a test loads each one."""

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, str]] = {
    "buildGate": """\
buildGate:
  - make build
  - python -m pytest -q
""",
    "modelConfig": """\
modelConfig:
  planner: anthropic/claude-opus-5-5
  gateCritic: anthropic/claude-opus-5-5
  greybeard: anthropic/claude-opus-5-5
  implementer: anthropic/claude-sonnet-5-5
  critic: openai/gpt-5.6            # another vendor sees other mistakes
  attribution: anthropic/claude-sonnet-5-5
  fixAgent: anthropic/claude-sonnet-5-5
""",
    "fallback": """\
fallback:
  implementer: [openai/gpt-5.6-terra, gemini/gemini-3.8-flash]
""",
    "provider": """\
provider:
  baseURL: https://models.example.org/v1
  adapter: openai
  apiKeyEnv: MODELS_EXAMPLE_KEY
""",
    "setup": """\
setup:
  - npm ci --prefer-offline
""",
    "share": """\
share: [node_modules, .venv]
""",
    "hubFiles": """\
hubFiles:
  - {glob: CHANGELOG.md, strategy: union}
  - glob: package-lock.json
    strategy: regenerate
    command: npm install --package-lock-only
  - {glob: src/registry.py, strategy: serialise}
""",
    "limits": """\
limits:
  turns: 80
  usd: 5
  silenceSeconds: 900
""",
    "taskLimits": """\
taskLimits: {usd: 10}
""",
    "runLimits": """\
runLimits: {usd: 100, wallSeconds: 36000}
""",
    "routing": """\
routing: auto
""",
    "candidates": """\
candidates:
  implementer: [{model: openai/gpt-5.6-terra}, {model: gemini/gemini-3.8-flash}]
""",
    "race": """\
race:
  n: 2
  classes: [bugfix]
  executors: [{model: openai/gpt-5.6-terra}, {executor: claude, model: anthropic/claude-sonnet-5}]
""",
    "prices": """\
prices:
  some-model: {input: 0.6, output: 2.4, cached: 0.06}
""",
    "notify": """\
notify: [notify-send, dispatch asks]
""",
    "sandbox": """\
sandbox:
  setupNetwork: [registry.npmjs.org]
  network: ["*.example.org:8443"]
  readOnly: [/srv/sdk]
""",
    "languageServers": """\
languageServers:
  waitSeconds: 3
  servers:
    - {argv: [clangd, --background-index=false], suffixes: [.c, .h, .cpp, .hpp]}
""",
}
