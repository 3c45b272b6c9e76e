"""How hard property tests try: quick by default, with the same examples each time.

``HYPOTHESIS_PROFILE=nightly`` draws new examples, ten times as many.  What it finds becomes an
``@example``, so that a red build is always a change's own doing and never chance.
"""

import os

from hypothesis import Phase, settings

# No deadline: how long an example takes says more of the machine than of the code.
# No shrinking: the whole run of a document shrinks for minutes; the other profile does it.
settings.register_profile(
    "quick",
    derandomize=True,
    database=None,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
