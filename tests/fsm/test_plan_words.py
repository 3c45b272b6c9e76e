"""A plan as people read it: the whole text, and nothing of it that is not seen."""

from attrs import evolve
from fakes.policy_records import a_run, a_task

from dispatch.fsm.plan_words import plan_words
from dispatch.state.clean_text import clean
from dispatch.state.enums import AgentType

TEXT = """\
Plan of run r: 2 tasks, 2 levels
Verified by baseline-equality

Level 1
  1a-x  general  Add a parser.

Level 2
  2a-join  intern   Add a parser.
           after 1a-x

Mind
  It may conflict.

1a-x (general, feature, level 1)
  objective  Add a parser.
  after      nothing
  critic     yes
  verify     make test
  | # Objective
  |
  | Parse.

2a-join (intern, feature, level 2)
  objective  Add a parser.
  after      1a-x
  critic     no
  verify     the build gate
  | Join.
"""


def test_the_graph_comes_first_and_then_every_plan() -> None:
    run = a_run(
        a_task("1a-x", plan="# Objective\n\nParse.\n", verify=("make test",)),
        a_task(
            "2a-join",
            depends_on=("1a-x",),
            plan="Join.",
            agent_type=AgentType.INTERN,
            critique=False,
        ),
    )
    assert plan_words(run, ("It may conflict.",)) == TEXT


def test_nothing_that_a_planner_wrote_reaches_the_terminal_unseen() -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mred\u202e\r\nline\x00\n"
    task = a_task("1a-x", plan=hostile, objective=hostile, verify=(hostile,))
    words = plan_words(evolve(a_run(task), verification_mode_rationale=hostile), (hostile,))
    assert words == clean(words)
    assert "owned" not in words
