"""Work that is not right the first time, from outside: a process, a model behind HTTP, a user.

A conflict at fan-in, an amendment, a question to the operator that is answered while no process
runs, and a regression that is found by running it on the commits.  ``loops/`` has what is expected.
"""

from pathlib import Path

import pytest
from fakes.child_program import Program, document
from fakes.expected_texts import check_texts, texts_of
from fakes.git_repos import User
from fakes.tally_user import KEY, KEY_VARIABLE, loops_script, set_models, tally_user
from fakes.thoroughness import thorough

from dispatch.agents.scripted.thread import ServerThread

RUN = "loops-run"
EXPECTED = Path(__file__).with_name("loops")
QUESTION = "2a-command-line-dev-1"


@pytest.fixture
def user(tmp_path: Path) -> User:
    """Somebody who works on the project of the demonstration."""
    return tally_user(tmp_path / "user", "loops")


@pytest.mark.parametrize("adapter", [pytest.param("openai", marks=thorough), "anthropic"])
def test_each_way_back_leads_to_the_expected_document_report_and_branch(
    tmp_path: Path, user: User, adapter: str
) -> None:
    """[E2E-02] [GA-03] [PV-03] [OE-01] Each answer of the script is asked for exactly once."""
    program = Program(user, {KEY_VARIABLE: KEY})
    with ServerThread(loops_script()) as server:
        set_models(user, server.url, adapter)
        waiting = program.run(RUN, "--no-wait")
        assert (waiting.code, waiting.out) == (3, "")
        assert document(user, RUN)["status"] == "executing"
        answered = program.run("answer", RUN, QUESTION, "continue", "--note", "Short is fine.")
        assert (answered.code, answered.out) == (
            0,
            f"{QUESTION} is answered: continue. Continue the run: dispatch {RUN}\n",
        )
        ended = program.run(RUN)
        server.check()
    assert (ended.code, ended.out) == (0, f"{user.root}/dispatch/{RUN}/report.md\n")
    check_texts(texts_of(user, RUN), EXPECTED, tmp_path)
