"""The voices: roles, prompts, tools, the agent loop, executors, and the sandbox commands run in."""
