"""``dispatch export``: the conversations of a run as ATIF trajectories."""

import json
from pathlib import Path
from typing import Any

from fakes.asking_run import asking

ROOT = {"schema_version", "session_id", "agent", "steps", "final_metrics", "extra"}
STEP = {
    *("step_id", "source", "message", "model_name", "reasoning_content", "tool_calls"),
    *("observation", "metrics"),
}


def _require_atif(found: dict[str, Any]) -> None:
    """What version 1.4 of the format asks for."""
    assert set(found) == ROOT
    assert found["schema_version"] == "ATIF-v1.4"
    assert set(found["agent"]) == {"name", "version", "model_name"}
    for number, step in enumerate(found["steps"], 1):
        assert set(step) <= STEP
        assert step["step_id"] == number
        assert step["source"] in ("user", "agent")
        assert isinstance(step["message"], str)
        calls = [each["tool_call_id"] for each in step.get("tool_calls", ())]
        assert all(isinstance(each["arguments"], dict) for each in step.get("tool_calls", ()))
        answered = [
            each["source_call_id"] for each in step.get("observation", {}).get("results", ())
        ]
        assert set(answered) <= set(calls)
        if step["source"] == "user":
            assert set(step) == {"step_id", "source", "message"}


def test_every_attempt_is_a_file_that_fits_the_format(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",), "minor")
    assert run.program.run("run", "r").code == 0
    done = run.program.run("export", "r", "--format", "atif")
    folder = run.folder / "export" / "atif"
    assert (done.code, done.out, done.err) == (0, f"{folder}\n", "")
    files = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.iterdir()}
    attempts = [*run.run.attempts, *run.run.tasks[0].attempts]
    assert sorted(files) == sorted(each.id for each in attempts)
    for found in files.values():
        _require_atif(found)
    implementer = files["1a-w.implementer.1"]
    assert implementer["session_id"] == "r/1a-w.implementer.1"
    assert implementer["extra"]["task"] == "1a-w"
    assert [each["source"] for each in implementer["steps"]] == ["user", "agent", "agent"]
    written = implementer["steps"][1]
    assert written["tool_calls"][0]["function_name"] == "write_file"
    assert written["tool_calls"][0]["arguments"] == {"path": "w", "content": "w\n"}
    assert len(written["observation"]["results"]) == 1
    assert written["metrics"] == {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "cached_tokens": 0,
        "cost_usd": 0.25,
    }
    assert implementer["final_metrics"] == {
        "total_prompt_tokens": 200,
        "total_completion_tokens": 20,
        "total_cached_tokens": 0,
        "total_cost_usd": 0.5,
        "total_steps": 3,
    }


def test_one_task_goes_where_it_is_wanted_and_what_left_nothing_is_named(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",), "minor")
    assert run.program.run("run", "r").code == 0
    target = tmp_path / "out"
    only = run.program.run("export", "r", "--task", "1a-w", "--output", str(target))
    assert (only.code, only.out) == (0, f"{target}\n")
    assert [each.name for each in target.iterdir()] == ["1a-w.implementer.1.json"]
    (run.folder / "attempts" / "1a-w.implementer.1" / "transcript.jsonl").unlink()
    gone = run.program.run("export", "r", "--task", "1a-w")
    assert gone.code == 0
    assert gone.err == "dispatch: No conversation was kept of: 1a-w.implementer.1.\n"
    data = json.loads(run.program.run("export", "r", "--output", str(target), "--json").out)
    assert (data["folder"], data["missing"]) == (str(target), ["1a-w.implementer.1"])
    assert sorted(data["files"]) == sorted(each.name for each in target.glob("*.planner.*"))
    unknown = run.program.run("export", "r", "--task", "1b-q")
    assert (unknown.code, unknown.out) == (2, "")
