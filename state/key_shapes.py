"""What keys of well-known services look like, and where a text holds one.

Each expression begins with letters that are a part of every such key: the engine looks for those
with a plain search, which is what makes all of them together fast.  What may stand before a key is
therefore asked after these letters (``task-`` ends like ``sk-``).  Every repetition has a bound.
"""

import re
from collections.abc import Iterator
from typing import Final

LONGEST_KEY: Final = 9000  # characters, in one line
MAX_BLOCK: Final = 32 * 1024  # characters of one private key in its armour

Span = tuple[int, int]

# The whole of what is found is the key, or its group ``key``.
_IS: Final = r"[\"']?[ \t]{0,8}[:=][ \t]{0,8}[\"']?"
_HEADER: Final = rf"{_IS}(?i:bearer|basic|token)[ \t]{{1,8}}(?P<key>[\w.~+/=-]{{12,4000}})"
SHAPES: Final = tuple(
    re.compile(pattern)
    for pattern in (
        # OpenAI, Anthropic (sk-ant-), OpenRouter (sk-or-), DeepSeek and others; all hold digits.
        r"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_-]{0,64}\d)[\w-]{16,512}",
        r"k_live_(?<=[sr]k_live_)(?P<key>\w{16,255})",  # Stripe
        r"k_test_(?<=[sr]k_test_)(?P<key>\w{16,255})",
        r"whsec_(?<!\wwhsec_)[A-Za-z0-9+/=]{24,255}",
        r"gh(?<![A-Za-z0-9]gh)[pousr]_[A-Za-z0-9]{20,255}",  # GitHub
        r"github_pat_(?<![A-Za-z0-9]github_pat_)\w{22,255}",
        r"gl(?<![A-Za-z0-9]gl)(?:pat|dt|ptt|cbt|rt)-[\w-]{20,255}",  # GitLab
        r"A[KS]IA(?<![A-Za-z0-9]A.IA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # Amazon
        r"ecret(?<=[Ss]ecret)_?[Aa]ccess_?[Kk]ey" + _IS + r"(?P<key>[A-Za-z0-9/+=]{30,255})",
        r"SECRET_ACCESS_KEY" + _IS + r"(?P<key>[A-Za-z0-9/+=]{30,255})",
        r"AccountKey=(?P<key>[A-Za-z0-9/+=]{40,255})",  # Azure
        r"xox(?<![A-Za-z0-9]xox)[abeoprs]-[A-Za-z0-9-]{10,255}",  # Slack
        r"xapp-(?<![A-Za-z0-9]xapp-)[A-Za-z0-9-]{10,255}",
        r"AIza(?<![A-Za-z0-9]AIza)[\w-]{35}",  # Google
        r"GOCSPX-[\w-]{20,255}",
        r"ya29\.[\w-]{20,2000}",
        r"gsk_(?<![A-Za-z0-9]gsk_)[A-Za-z0-9]{20,255}",  # Groq
        r"xai-(?<![A-Za-z0-9]xai-)[A-Za-z0-9]{20,255}",
        r"hf_(?<![A-Za-z0-9]hf_)[A-Za-z0-9]{30,255}",  # Hugging Face
        r"npm_(?<![A-Za-z0-9]npm_)[A-Za-z0-9]{36}",
        r"pypi-(?<![A-Za-z0-9]pypi-)(?=[A-Za-z_-]{0,64}\d)[\w-]{32,512}",
        r"cio(?<![A-Za-z0-9]cio)[A-Za-z0-9]{32}(?![A-Za-z0-9])",  # crates.io
        r"eyJ(?<![\w-]eyJ)[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{10,900}",  # signed tokens
        # What stands behind a name that says that it is a secret.
        r"uthorization" + _HEADER,
        r"UTHORIZATION" + _HEADER,
        r"_authToken" + _IS + r"(?P<key>[\w./+=~-]{16,255})",
        r"_password" + _IS + r"(?P<key>[A-Za-z0-9+/=]{16,255})",  # .npmrc has it in base64
        r"oauth_token" + _IS + r"(?P<key>[\w./+=~-]{16,255})",
        r"\"auth\"[ \t]{0,8}:[ \t]{0,8}\"(?P<key>[A-Za-z0-9+/=]{16,4000})\"",  # Docker
        r"login[ \t\n]{1,8}\S{1,255}[ \t\n]{1,8}password[ \t\n]{1,8}(?P<key>\S{6,255})",  # .netrc
        # A password in a URL, or a token alone; no variable, and of no machine that is nobody's.
        r"://(?:[^\s/:@\"'<>]{0,255}:|(?=[\w.~%+=-]{20}))"
        r"(?P<key>(?![${<%*])[^\s/@\"'<>]{8,255})(?=@)(?!@(?:localhost|127\.|\[::1|example\.))",
    )
)

_BLOCK: Final = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
    rf"(?P<body>[\s\S]{{0,{MAX_BLOCK}}}?)(?:-----|\Z)"
)
_BEGIN: Final = "-----BEGIN "
_END: Final = "-----END "
# Line by line, so that a page with line numbers keeps its lines, and one line can be edited.
_BLOCK_LINE: Final = re.compile(r"[A-Za-z0-9+/=]{8,}")


def key_spans(text: str) -> Iterator[Span]:
    """Where keys stand, in no order; some may overlap."""
    for shape in SHAPES:
        group = "key" if "key" in shape.groupindex else 0
        for found in shape.finditer(text):
            yield found.span(group)
    for block in _BLOCK.finditer(text):
        for line in _BLOCK_LINE.finditer(text, *block.span("body")):
            yield line.span()


def open_block(text: str) -> int:
    """Where a private key begins whose end has not come yet; the text's length: there is none."""
    start = text.rfind(_BEGIN)
    is_open = start >= 0 and len(text) - start <= MAX_BLOCK and _END not in text[start:]
    return start if is_open else len(text)
