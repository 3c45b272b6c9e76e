"""Which proxy leads to an address, by the variables of the operator's environment."""

from base64 import b64decode

import pytest

from dispatch.agents.delegated.operator_proxy import OperatorProxy, proxy_for

URL = "https://api.example/v1"


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ({"https_proxy": " p:1\n"}, "http://p:1"),
        ({"HTTPS_PROXY": "http://p"}, "http://p:80"),
        ({"HTTPS_PROXY": "https://p/"}, "https://p:443"),
        ({"HTTPS_PROXY": "http://[::2]:1"}, "http://[::2]:1"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, "http://q:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other.example"}, "http://p:1"),
    ],
)
def test_it_is_read_as_other_programs_read_it(environ: dict[str, str], url: str) -> None:
    assert proxy_for(URL, environ) == OperatorProxy(url=url, place=url.partition("//")[2])


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"HTTPS_PROXY": ""},
        {"HTTPS_PROXY": "http://p:1", "https_proxy": ""},
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "other, api.example"},
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".example"},
        {"HTTPS_PROXY": "http://p:1", "no_proxy": "api.example:443"},
        {"HTTPS_PROXY": "http://p:1", "NO_PROXY": " *"},
        {"HTTP_PROXY": "http://p:1", "ALL_PROXY": "http://p:1"},
    ],
)
def test_an_address_that_needs_none_is_asked_directly(environ: dict[str, str]) -> None:
    assert proxy_for(URL, environ) is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://api.example/v1", "https://localhost:1", "https://127.0.0.2", "https://[::1]:1"),
        *("https://a.localhost", ""),
    ],
)
def test_neither_without_tls_nor_to_this_machine_a_proxy_is_used(url: str) -> None:
    assert proxy_for(url, {"HTTPS_PROXY": "http://p:1"}) is None


def test_name_and_password_are_for_the_proxy_alone() -> None:
    """Whatever letters they have."""
    found = proxy_for(URL, {"HTTPS_PROXY": "http://u%3Ana:h%E2%82%ACsh%2F@p:1"})
    assert found is not None
    assert (found.url, found.place, found.problem) == ("http://p:1", "p:1", "")
    scheme, _, secret = found.headers["Proxy-Authorization"].partition(" ")
    assert (scheme, b64decode(secret).decode()) == ("Basic", "u:na:h€sh/")
    assert secret not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        *("http://una:123/hush@p:1", "socks5://una:123#hush@p:1", "http://una:hush@p:x"),
        *("http://[una:hush", "http://", "http://una:hush@:1"),
    ],
)
def test_what_is_no_address_is_not_repeated(text: str) -> None:
    """There may be a password in it."""
    found = proxy_for(URL, {"HTTPS_PROXY": text})
    assert found is not None
    assert found.problem == "HTTPS_PROXY holds no address such as http://proxy.example:3128"
    assert "una" not in repr(found)


def test_a_proxy_of_another_kind_is_named() -> None:
    found = proxy_for(URL, {"HTTPS_PROXY": "socks5://una:hush@p:1"})
    assert found is not None
    assert found.problem == "the proxy p:1 of HTTPS_PROXY is none of http:// or https://"
