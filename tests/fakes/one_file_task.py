"""The plan of one task that writes one file, as the planner of a script calls it."""

from typing import Any

PLAN: dict[str, Any] = {
    "idHint": "x",
    "level": 1,
    "dependsOn": [],
    "objective": "Write x.",
    "planMarkdown": "# Objective\n\nWrite the file x.\n\n" + "It holds one line. " * 15,
    "agentType": "intern",
    "class": "feature",
    "verifyCommands": [],
    "critiqueEnabled": False,
}
WRITTEN: dict[str, Any] = {"path": "x", "content": "x\n"}
SUBMITTED: dict[str, Any] = {
    "summary": "Wrote x.",
    "filesModified": ["x"],
    "deviations": [],
    "notes": "",
}
FINAL: dict[str, Any] = {
    "verificationMode": "no-new-failures",
    "verificationModeRationale": "It adds a file.",
}
