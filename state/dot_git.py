"""How file systems fold names, and which names some of them take for ``.git``."""

import re
import unicodedata
from typing import Final

# Code points that HFS+ leaves out when it compares names: ".g<one of these>it" is ".git" there.
_INVISIBLE: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")

_SHORT_NAME: Final = re.compile("git~[0-9]+")


def is_like_dot_git(name: str) -> bool:
    """Whether some file system takes a file's name for ``.git``."""
    if "git" not in name.lower() and name.isascii():
        return False  # nearly every name
    # Where NTFS is, backslashes are slashes and short names end in a number.
    whole = unicodedata.normalize("NFKC", _INVISIBLE.sub("", name)).replace("\\", "/")
    parts = map(as_file_systems_fold, whole.split("/"))
    return any(each == ".git" or _SHORT_NAME.fullmatch(each) for each in parts)


def as_file_systems_fold(name: str) -> str:
    """A name as those compare it that know no case, drop invisible letters or cut off its end."""
    return _INVISIBLE.sub("", name).split(":")[0].rstrip(" .").casefold()
