"""Any legal run survives the disk, and any way to it writes the same text."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties.strategies_records import records, runs

from dispatch.state import yaml_canonical
from dispatch.state.codec import structure, unstructure
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.document_store import DocumentStore, dump_run
from dispatch.state.enums import RunStatus
from dispatch.state.invariants import problems
from dispatch.state.records import Run, Task

some = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(some, max_examples=3)


@some
@given(runs())
def test_a_run_written_is_the_run_read(run: Run) -> None:
    """[P-01] [P-09] Keys of newer versions, odd texts and SHA-like scalars included."""
    assert problems(run) == ()
    with TemporaryDirectory() as folder:
        path = Path(folder, DOCUMENT)
        path.write_bytes(dump_run(run))
        assert load_run(path) == run


@some
@given(records(Task))
def test_a_record_is_the_same_after_plain_values(task: Task) -> None:
    assert structure(unstructure(task), Task) == task


@few
@given(runs(), runs(), st.data())
def test_changes_write_what_a_fresh_writer_would(
    first: Run, second: Run, data: st.DataObject
) -> None:
    """The cache of blocks never shows: the file is always the whole run, in canonical form."""
    with TemporaryDirectory() as parent:
        folder = Path(parent, "run")
        store = DocumentStore.create(folder, first)
        mixed = evolve(
            first,
            status=RunStatus.FAILED,  # the one status that is legal with any tasks
            tasks=data.draw(st.sampled_from((first.tasks, second.tasks))),
            gate_verdicts=(),
            verification_rounds=(),
            escalations=(),
            operator_edits=(),
            routes=(),
            history=first.history,
        )
        for state in (mixed, evolve(mixed, tasks=mixed.tasks[::-1]), second, first):
            assert store.update(partial(_become, state)) is state
            data_now = (folder / DOCUMENT).read_bytes()
            assert data_now == dump_run(state)
            assert yaml_canonical.read(data_now.decode()) == unstructure(state)
        assert DocumentStore.open(folder).run == first


def _become(state: Run, _: Run) -> Run:
    return state
