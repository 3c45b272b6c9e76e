"""Which rule holds for a hub file, and who is expected to change a serialised one."""

from attrs import evolve
from fakes.small_records import a_run, a_task

from dispatch.policy.hub_files import rule_for, ruled, serialised_files
from dispatch.policy.levels import levels_again, serialised
from dispatch.policy.plan_gate import gate_plan
from dispatch.state.enums import AgentType, HubStrategy, TaskStatus
from dispatch.state.hubs import HubFile, Restart
from dispatch.state.records import Run, Task

UNION, SERIALISE = HubStrategy.UNION, HubStrategy.SERIALISE
DOCS = HubFile(glob="docs/*.md", strategy=SERIALISE)
NOTES = HubFile(glob="*.md", strategy=UNION)
REGISTRY = HubFile(glob="{registry,index}.py", strategy=SERIALISE)
RULES = (DOCS, NOTES, REGISTRY)
TIP = "2" * 40


def about(task_id: str, *paths: str, depends_on: tuple[str, ...] = ()) -> Task:
    plan = f"# Objective\n\nChange {', '.join(paths)}.\n" + "Details of it. " * 20
    return evolve(a_task(task_id, *depends_on), plan_markdown=plan)


def run_of(*tasks: Task) -> Run:
    return evolve(a_run(), tasks=tasks, hub_files=RULES, level_boundaries={"1": TIP})


def test_the_first_rule_that_matches_holds() -> None:
    """[W-09] A glob without a slash is about the last name, wherever the file is."""
    assert [rule_for(path, RULES) for path in ("docs/a.md", "x/a.md", "a/index.py", "a.py")] == [
        DOCS,
        NOTES,
        REGISTRY,
        None,
    ]
    assert ruled(["index.py", "docs/b.md", "a.md", "docs/b.md"], SERIALISE, RULES) == (
        "docs/b.md",
        "index.py",
    )
    assert ruled(["a.md"], SERIALISE, ()) == ()


def test_a_task_is_expected_in_every_serialised_file_that_its_plan_names() -> None:
    task = evolve(
        about("1a-x", "`./src/registry.py`", "a.md"), objective="Fill docs/a.md. Then (index.py)."
    )
    assert serialised_files(task, RULES) == {"src/registry.py", "docs/a.md", "index.py"}
    assert serialised_files(task, (NOTES,)) == frozenset()
    explorer = evolve(task, agent_type=AgentType.EXPLORE)
    assert serialised_files(explorer, RULES) == frozenset()
    restart = Restart(level=1, base=TIP, tree=TIP, paths=("index.py",), ref="refs/x")
    assert serialised_files(evolve(a_task("1a-x"), restarts=(restart,)), RULES) == {"index.py"}


def test_tasks_that_share_a_serialised_file_get_levels_of_their_own() -> None:
    """Dependents move behind them; who shares nothing stays; the reason is said."""
    run = run_of(
        about("1a-u", "index.py"),
        about("1b-v", "index.py"),
        about("1c-w", "docs/a.md"),
        about("2a-x", "docs/a.md", "index.py", depends_on=("1c-w",)),
        a_task("2b-y", "1b-v"),
        a_task("2c-z", "1a-u"),
    )
    tasks, said = serialised(run)
    assert [(task.id, task.level) for task in tasks] == [
        ("1a-u", 1),
        ("1c-w", 1),
        ("1b-v", 2),
        ("2c-z", 2),
        ("2a-x", 3),
        ("2b-y", 3),
    ]
    assert [sentence.split(",")[0] for sentence in said] == [
        "Task 1b-v is carried out at level 2",
        "Task 2a-x is carried out at level 3",
        "Task 2b-y is carried out at level 3",
    ]
    assert serialised(evolve(run, hub_files=())) == (run.tasks, ())


def test_a_task_that_is_made_again_keeps_apart_from_who_is_still_at_it() -> None:
    """Submitted siblings keep their place, whatever their order."""
    run = run_of(
        evolve(about("1a-u", "index.py"), status=TaskStatus.COMPLETED, commit_sha=TIP),
        about("1b-v", "index.py"),
        evolve(about("2a-w", "index.py"), status=TaskStatus.SUBMITTED),
    )
    again = levels_again(run)
    assert [(task.id, task.level) for task in again.tasks] == [
        ("1a-u", 1),
        ("2a-w", 2),
        ("1b-v", 3),
    ]


def test_hub_files_are_no_reason_to_warn_of_an_overlap() -> None:
    section = "# Files to modify\n\n- `index.py`\n- `other.py`\n"
    tasks = [evolve(about(name), plan_markdown=section * 9) for name in ("1a-x", "1b-y")]
    (warning,) = gate_plan(tasks, hub_files=RULES).warnings
    assert "plan to modify other.py" in warning
