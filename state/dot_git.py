"""How file systems fold names, and which names some of them take for ``.git``."""

import re
import unicodedata
from typing import Final

# Code points that HFS+ leaves out when it compares names: ".g<one of these>it" is ".git" there.
_INVISIBLE: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


def is_like_dot_git(name: str) -> bool:
    """Whether some file system takes a file's name for ``.git``."""
    if "git" not in name.lower() and name.isascii():
        return False  # nearly every name
    folded = unicodedata.normalize("NFKC", as_file_systems_fold(name))
    # Backslashes are slashes and short names end in a number where NTFS is.
    folded = folded.replace("\\", "/").split("/")[0].split(":")[0].rstrip(" .")
    return folded == ".git" or (folded.startswith("git~") and folded[4:].isdigit())


def as_file_systems_fold(name: str) -> str:
    """A name as those compare it that know no case, drop invisible letters or cut off its end."""
    return _INVISIBLE.sub("", name).split(":")[0].rstrip(" .").casefold()
