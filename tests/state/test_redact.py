"""Secrets never come out."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.state.key_shapes import MAX_BLOCK
from dispatch.state.redact import MAX_HELD, SHORTEST_SECRET, Redactor, secrets_of

SECRETS = st.lists(
    # Letters that no mark has: else a mark could hold one by chance.
    st.text("ghijkGHIJK-_ éß\\\"'", min_size=SHORTEST_SECRET, max_size=20),
    min_size=1,
    max_size=4,
)
WORD = "a1B2c3D4"  # letters and digits, as keys have them
PRIVATE_KEY = "\n".join(
    (
        "-----BEGIN RSA PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
        "",
        *("MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aumacQUrjJyZuwqEzbLA1Q" for _ in range(3)),
        "0123456789ab",
        "-----END RSA PRIVATE KEY-----",
    )
)
# What is before it, the key itself, what is behind it.
KEYS = {
    "openai": ("OPENAI_API_KEY=", "sk-" + WORD * 4, ""),
    "openai project": ("key: '", "sk-proj-" + WORD * 8 + "_-" + WORD, "'"),
    "anthropic": ('"', "sk-ant-api03-" + WORD * 10, '"'),
    "openrouter": (" ", "sk-or-v1-" + "0a1b2c3d" * 8, " "),
    "groq": ("=", "gsk_" + WORD * 6, "\n"),
    "xai": ("=", "xai-" + WORD * 10, "\n"),
    "github": ("https://", "ghp_" + "a1B2" * 9, "@github.com/x"),
    "github app": ("", "ghs_" + "a1B2" * 9, ""),
    "github fine": ("", "github_pat_" + "a1B2" * 9, ""),
    "gitlab": ("", "glpat-" + "a1B2" * 5, ""),
    "aws": ("", "AKIA" + "A1B2" * 4, ""),
    "aws session": ("", "ASIA" + "A1B2" * 4, ""),
    "aws secret": ("aws_secret_access_key = ", WORD * 5, "\n"),
    "aws secret in the environment": ("AWS_SECRET_ACCESS_KEY=", "/" + WORD * 4 + "+b/c=xy", "\n"),
    "aws secret in JSON": ('{"SecretAccessKey": "', WORD * 5, '"}'),
    "azure": ("AccountName=x;AccountKey=", WORD * 10 + "==", ";"),
    "slack": ("", "xoxb-123456789012-abcdefghij", ""),
    "slack app": ("", "xapp-1-A0123456789-abcdefghij", ""),
    "google": ("?key=", "AIza" + "a1B2c" * 7, "&x=1"),
    "google oauth": ("Cookie: ", "ya29." + WORD * 10, ""),
    "hugging face": ("", "hf_" + "aBcD" * 9, ""),
    "npm": ("", "npm_" + "a1B2" * 9, ""),
    "npmrc": ("//registry.example.org/:_authToken=", WORD * 3, "\n"),
    "pypi": ("password = ", "pypi-AgEIcHlwaS5vcmc" + WORD * 5, "\n"),
    "crates": ('token = "', "cio" + WORD * 4, '"'),
    "stripe": ("sk_live_", WORD * 3, ""),
    "stripe restricted": ("rk_live_", WORD * 3, ""),
    "signed": ("", f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{WORD * 5}", ""),
    "bearer": ("Authorization: Bearer ", WORD * 3, "\n"),
    "basic": ("http.extraheader=AUTHORIZATION: basic ", "dW5hOmh1bnRlcjI=", "\n"),
    "bearer in code": ("{'authorization': 'Bearer ", WORD * 3, "'}"),
    "gh": ("    oauth_token: ", WORD * 3, "\n"),
    "docker": ('{"auth": "', "dW5hOmh1bnRlcjI6Zm9v", '"}'),
    "netrc": ("machine git.example.org login una password ", "hunter2hunter2", "\n"),
    "netrc in lines": ("machine x\n login una\n password ", "hunter2hunter2", "\n"),
    "password in a URL": ("postgres://una:", "correct-horse", "@db.example.org/x"),
    "token in a URL": ("url = https://", "f" * 40, "@git.example.org/x"),
}


@given(SECRETS, st.data())
def test_no_exact_value_is_left(secrets: list[str], data: st.DataObject) -> None:
    """[TR-06]"""
    parts = data.draw(st.lists(st.one_of(st.sampled_from(secrets), st.text(max_size=5))))
    redactor = Redactor(secrets)
    redacted = redactor.text("".join(parts))
    assert redactor.known_in(redacted) == 0
    assert redactor.text(redacted) == redacted


def test_a_secret_inside_another_leaves_no_rest() -> None:
    redactor = Redactor(["abcdef", "abcdefghij"])
    assert redactor.text("x abcdefghij y abcdef") == (
        f"x {redactor.mark('abcdefghij')} y {redactor.mark('abcdef')}"
    )


def test_short_values_are_no_secrets() -> None:
    assert Redactor(["", "a", "true"]).text("a true word") == "a true word"


def test_a_secret_of_several_lines_is_found_line_by_line_and_as_json_has_it() -> None:
    secret = '{\n  "private_key_id": "0123456789abcdef",\n  "x": 1\n}'
    redactor = Redactor([secret, 'a "quoted" one'])
    line = '"private_key_id": "0123456789abcdef",'
    assert redactor.text(f"1: {secret}") == (f'1: {{\n  {redactor.mark(line)}\n  "x": 1\n}}')
    assert redactor.known_in(r'{"text": "a \"quoted\" one"}') == 1


@pytest.mark.parametrize("name", KEYS)
def test_what_is_shaped_like_a_key_is_taken_out(name: str) -> None:
    """[TR-06]"""
    before, key, after = KEYS[name]
    redactor = Redactor()
    text = f"{before}{key}{after}"
    assert redactor.text(text) == f"{before}{redactor.mark(key)}{after}"
    assert redactor.text(redactor.text(text)) == redactor.text(text)


def test_the_lines_of_a_private_key_are_taken_out_one_by_one() -> None:
    redactor = Redactor()
    numbered = "".join(f"{n:6d}\t{line}\n" for n, line in enumerate(PRIVATE_KEY.split("\n"), 1))
    line = redactor.mark("MIIEpAIBAAKCAQEA1c7+9z5Pad7OejecsQ0bu3aumacQUrjJyZuwqEzbLA1Q")
    assert redactor.text(numbered) == (
        "     1\t-----BEGIN RSA PRIVATE KEY-----\n"
        f"     2\tProc-Type: 4,{redactor.mark('ENCRYPTED')}\n"
        f"     3\t\n     4\t{line}\n     5\t{line}\n     6\t{line}\n"
        f"     7\t{redactor.mark('0123456789ab')}\n     8\t-----END RSA PRIVATE KEY-----\n"
    )
    cut = PRIVATE_KEY[:150]
    assert "MIIEp" not in redactor.text(cut)


@pytest.mark.parametrize(
    "text",
    [
        "task-sk-1",
        "a risk-free plan",
        "ghp_short",
        "AKIA",
        "sk-learn",
        ".sk-fading-circle-container { }",
        "highlight-the-whole-of-the-line",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----",
        "git@github.com:una/project.git",
        "https://example.org/a:b@c",
        "postgres://postgres:postgres-pw@localhost:5432/test",
        "https://user:${PASSWORD_OF_USER}@host/",
        "Authorization: Bearer $TOKEN",
        "the secret access key: see below",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_values_are_searched_with_their_keys() -> None:
    redactor = Redactor(["secret1"])
    mark = redactor.mark("secret1")
    value = {"a": ["x secret1", {"secret1": 3}], "n": None, "b": True, "t": ("secret1",)}
    assert redactor.value(value) == {
        "a": [f"x {mark}", {mark: 3}],
        "n": None,
        "b": True,
        "t": [mark],
    }


def test_a_mark_is_put_back_only_where_its_secret_was() -> None:
    redactor = Redactor(["correct horse"])
    original = f"a = 'correct horse'\nb = 'sk-{WORD * 4}'\n"
    shown = redactor.text(original)
    assert redactor.restored(shown.replace("a =", "c ="), original) == original.replace(
        "a =", "c ="
    )
    assert redactor.restored(shown, "another file\n") == shown
    assert redactor.restored("[redacted:00000000]", original) == "[redacted:00000000]"


def test_marks_tell_nothing_to_who_does_not_have_the_secrets() -> None:
    """The same password has another mark for another operator."""
    assert Redactor(["hunter2", "k3y-one"]).mark("hunter2") != Redactor(["hunter2"]).mark("hunter2")


def test_which_variables_hold_secrets_is_told_by_their_names() -> None:
    environ = {
        "ANTHROPIC_API_KEY": "v1",
        "GITHUB_PAT": "v2",
        "PGPASSWORD": "v3",
        "DB_PASS": "v4",
        "AWS_SECRET_ACCESS_KEY": "v5",
        "npm_config_token": "v6",
        "SESSION_COOKIE": "v7",
        "GOOGLE_CREDENTIALS_JSON": "v8",
        "MY_LLM": "v9",
        "EMPTY_TOKEN": "",
        "PATH": "/bin",
        "PWD": "/home",
        "SSH_AUTH_SOCK": "/run/x",
        "SSH_KEY_PATH": "/home/x",
        "COMPASS": "north",
        "LANG": "C",
    }
    assert secrets_of(environ, ["MY_LLM", "UNSET"]) == tuple(f"v{n}" for n in range(1, 10))


PIECES = st.lists(st.integers(1, 400), max_size=8)


@given(PIECES, st.sampled_from([*KEYS, "block", "known"]), st.integers(0, 60))
def test_a_stream_gives_the_same_wherever_its_pieces_end(
    sizes: list[int], name: str, place: int
) -> None:
    redactor = Redactor(["correct horse battery"])
    text = {"block": PRIVATE_KEY, "known": "correct horse battery"}.get(name) or "".join(KEYS[name])
    data = f"{'x' * place} élan \udcff\n{text}\n{text} and on".encode("utf-8", "surrogateescape")
    stream = redactor.stream()
    told, rest = [], data
    for size in sizes:
        told.append(stream.take(rest[:size]))
        rest = rest[size:]
    told += (stream.take(rest), stream.rest())
    whole = redactor.text(data.decode("utf-8", "surrogateescape"))
    assert b"".join(told) == whole.encode("utf-8", "surrogateescape")


def test_a_line_without_end_passes_through_and_loses_its_keys() -> None:
    redactor = Redactor(["correct horse battery"])
    data = ("x" * 1000 + " correct horse battery ").encode() * 400
    stream = redactor.stream()
    first = stream.take(data)
    assert len(first) > len(data) - 4 * MAX_HELD
    assert first + stream.rest() == redactor.text(data.decode()).encode()


def test_a_private_key_that_never_ends_is_not_waited_for() -> None:
    stream = Redactor().stream()
    data = b"-----BEGIN PRIVATE KEY-----\n" + b"word word\n" * (MAX_BLOCK // 5)
    assert len(stream.take(data)) == len(data)


def test_other_spellings_of_a_secret_are_not_known() -> None:
    """What the manual says it does not do."""
    hidden = base64.b64encode(b"correct horse battery").decode()
    assert Redactor(["correct horse battery"]).text(hidden) == hidden
