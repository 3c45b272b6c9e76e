"""Errors and the one table of exit codes."""

from collections.abc import Iterator

from dispatch.state.errors import EXIT_MEANING, DispatchError, ExitCode


def test_every_refusal_ends_with_a_code_of_the_table_and_every_code_is_somebodys() -> None:
    codes = {error.exit_code for error in _kinds(DispatchError)}
    assert codes | {ExitCode.DONE} == set(ExitCode) == set(EXIT_MEANING)
    assert len(set(EXIT_MEANING.values())) == len(EXIT_MEANING)


def test_a_refusal_is_a_sentence_and_a_hint() -> None:
    assert str(DispatchError("It is so.", "Do this.")) == "It is so. Do this."
    assert str(DispatchError("It is so:\n  a", "Do this.")) == "It is so:\n  a\nDo this."
    assert str(DispatchError("It is so.")) == "It is so."


def _kinds(kind: type[DispatchError]) -> Iterator[type[DispatchError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)
