"""What every executor keeps to: each row of the table is tried by itself."""

import importlib
import json
from pathlib import Path

import pytest
from fakes.delegations import HAND_OFF, OTHER_SESSION, PROMPT, SESSION, SYSTEM, delegation
from fakes.recorded import FOLDER
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.agents.executors.delegation import (
    DelegationExecutor,
    Event,
    Exit,
    Finished,
    Prepared,
    SessionBegan,
    Troubled,
    TurnEnded,
)
from dispatch.agents.executors.lines import LINE_LIMIT
from dispatch.agents.executors.table import EXECUTORS
from dispatch.state.enums import AttemptOutcome
from dispatch.state.work import Usage

LONGEST_ARGUMENT = 128 * 1024  # bytes that the system passes in one

every = pytest.mark.parametrize("executor", EXECUTORS.values(), ids=EXECUTORS.keys())

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)
ends = st.builds(
    Exit,
    code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 31),
    stopped=st.none() | st.sampled_from([AttemptOutcome.TIME_LIMIT, AttemptOutcome.CANCELLED]),
    stderr=st.text(max_size=40),
)
told = st.lists(
    st.builds(SessionBegan, session=st.text(max_size=40), tools_failed=st.sampled_from(["", "x"]))
    | st.builds(
        Troubled,
        outcome=st.sampled_from([AttemptOutcome.PROVIDER_QUOTA, AttemptOutcome.TRANSPORT]),
        message=st.text(max_size=40) | st.just("try again at 99:99 PM"),
        is_final=st.booleans(),
    )
    | st.builds(Finished, is_error=st.booleans(), message=st.text(max_size=40))
    | st.just(TurnEnded(usage=Usage())),
    max_size=6,
)


def everything(prepared: Prepared) -> str:
    """All that the program will be able to read, with what is quoted made plain."""
    texts = [*prepared.argv, *prepared.variables.values(), prepared.stdin, *prepared.files.values()]
    decoder = json.JSONDecoder()
    for text in tuple(texts):
        for place, character in enumerate(text):
            if character == '"':
                try:
                    texts.append(
                        str(decoder.raw_decode(text[place:].replace("\\u007f", "\x7f"))[0])
                    )
                except ValueError:
                    continue
    return "\n".join(texts)


def _after_env(prepared: Prepared) -> tuple[str, ...]:
    """The program where ``env -C FOLDER NAME=VALUE`` starts it."""
    return prepared.argv[4:5] if prepared.argv[:2] == ("env", "-C") else ()


@every
def test_the_row_is_named_as_the_executor_and_its_file(executor: DelegationExecutor) -> None:
    assert EXECUTORS[executor.name] is executor
    module = importlib.import_module(f"dispatch.agents.executors.{executor.name}")
    assert type(executor).__module__ == module.__name__
    assert executor.probe[0] == executor.capabilities.program


@every
def test_what_to_start_is_the_same_each_time(executor: DelegationExecutor) -> None:
    given_to = delegation(executor)
    assert executor.prepare(given_to) == executor.prepare(given_to)
    assert executor.resume(given_to, "s") == executor.resume(given_to, "s")


@every
@pytest.mark.parametrize("writes", [True, False])
def test_the_program_gets_all_of_its_task_and_none_of_it_by_a_shell(
    executor: DelegationExecutor, writes: bool
) -> None:
    prepared = executor.prepare(delegation(executor, writes=writes))
    assert executor.capabilities.program in (prepared.argv[0], *_after_env(prepared))
    assert not any(word in ("sh", "bash", "-lc") for word in prepared.argv)
    read = everything(prepared)
    for text in (SYSTEM, PROMPT):
        assert text in read
    assert all(len(word.encode()) < LONGEST_ARGUMENT for word in prepared.argv)
    # No word of the prompt may be taken for an option.
    assert all(not word.startswith("-p --help") for word in prepared.argv)


@every
def test_the_server_of_tools_is_started_as_it_is_said(executor: DelegationExecutor) -> None:
    read = everything(executor.prepare(delegation(executor)))
    assert all(word in read for word in HAND_OFF.argv)


@every
def test_a_session_is_gone_on_with_by_its_id(executor: DelegationExecutor) -> None:
    if not executor.capabilities.resumes:
        pytest.skip("does not resume")
    resumed = everything(executor.resume(delegation(executor), OTHER_SESSION))
    assert OTHER_SESSION in resumed
    assert (PROMPT in resumed) is not executor.capabilities.resumes_silently


@every
def test_a_chosen_session_has_the_id_from_the_start(executor: DelegationExecutor) -> None:
    chosen = SESSION in " ".join(executor.prepare(delegation(executor)).argv)
    assert chosen is executor.capabilities.chooses_session


@every
def test_files_stay_below_the_private_home(executor: DelegationExecutor) -> None:
    prepared = executor.prepare(delegation(executor))
    for name in prepared.files:
        assert not Path(name).is_absolute()
        assert ".." not in Path(name).parts


@every
def test_what_commands_read_first_is_not_read_by_the_shell_that_becomes_the_program(
    executor: DelegationExecutor,
) -> None:
    """It takes the key away."""
    assert "BASH_ENV" not in executor.prepare(delegation(executor)).variables


@every
def test_a_key_is_named_and_never_given(executor: DelegationExecutor) -> None:
    known = [each.variable for each in executor.capabilities.keys]
    prepared = executor.prepare(delegation(executor))
    assert prepared.key in known if known else not prepared.key
    assert prepared.key not in prepared.variables
    other = executor.prepare(delegation(executor, key_variable="KEY_OF_MINE"))
    assert other.key in (*known, "KEY_OF_MINE", "")


@every
@settings(max_examples=50)
@given(line=st.text(max_size=60) | plain.map(json.dumps))
def test_garbage_is_no_event_and_no_failure(executor: DelegationExecutor, line: str) -> None:
    assert isinstance(executor.parse(line), tuple)


@every
@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_recording_is_no_failure(
    executor: DelegationExecutor, data: st.DataObject
) -> None:
    """Types of any value may be wrong, and a line may be cut anywhere."""
    path = data.draw(st.sampled_from(sorted(FOLDER.glob("*.jsonl"))))
    line = data.draw(st.sampled_from(path.read_text(encoding="utf-8").splitlines()))
    event = json.loads(line)
    event[data.draw(st.sampled_from(sorted(event)))] = data.draw(plain)
    executor.parse(json.dumps(event))
    executor.parse(line[: data.draw(st.integers(0, len(line)))])


@every
def test_a_line_without_an_end_is_no_event(executor: DelegationExecutor) -> None:
    assert executor.parse('{"type":"result","result":"' + "x" * LINE_LIMIT + '"}') == ()
    for deep in ("[" * 100_000, '{"a":' * 100_000):
        assert isinstance(executor.parse(deep), tuple)


@every
@settings(max_examples=60)
@given(ended=ends, events=told)
def test_only_an_accepted_answer_is_a_success(
    executor: DelegationExecutor, ended: Exit, events: list[Event]
) -> None:
    assert executor.classify(ended, events, accepted=True).outcome is AttemptOutcome.OK
    ending = executor.classify(ended, events, accepted=False)
    assert ending.outcome is not AttemptOutcome.OK
    if ended.stopped is not None:
        assert ending.outcome is ended.stopped


@every
def test_a_program_that_is_not_there_is_refused_in_a_sentence(executor: DelegationExecutor) -> None:
    why = executor.unfit(Exit(code=127, stderr="not found"), "")
    probe = " ".join(executor.probe)
    assert why == f"`{probe}` does not work: it ended with exit code 127. not found"
