"""How hard property tests try, as ``--hypothesis-profile`` says: quick unless told otherwise.

``quick`` has the same examples each time, so that a red build is always a change's own doing and
never chance; ``ci`` and ``nightly`` draw new ones, more of them, and shrink what they find, which
then becomes an ``@example`` or a test of its own.  Tests of whole runs take their share of
``max_examples``.
"""

from hypothesis import Phase, settings

# No deadline: how long an example takes says more of the machine than of the code.
# No shrinking: the whole run of a document shrinks for minutes; the other profiles do it.
settings.register_profile(
    "quick",
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
settings.register_profile("ci", max_examples=1000, deadline=None, print_blob=True)
settings.register_profile("nightly", max_examples=20_000, deadline=None, print_blob=True)
settings.load_profile("quick")
