"""What all records of a run share."""

from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class Record:
    """What all records share: the keys that only a newer version understands."""

    unknown: Mapping[str, object] = field(factory=dict, repr=False)
