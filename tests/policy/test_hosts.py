"""Names of hosts: the operator's rules, and what strangers write."""

import ipaddress
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.policy.hosts import (
    Endpoint,
    HostRule,
    NotAHost,
    is_public,
    parse_endpoint,
    parse_host,
    parse_rule,
    permitted,
)

RULES = (HostRule("example.org"), HostRule("*.cdn.example.org"), HostRule("api.example.org", 8443))

STRANGE = (
    *(
        "",
        ".",
        "..",
        "example.org.",
        ".example.org",
        "exa..mple.org",
        "-a.org",
        "a-.org",
        "a_b.org",
    ),
    *("example.org\0.evil.org", "example.org\r\nHost: evil", "example.org\n", " example.org"),
    *(
        "example.org\t",
        "example.org/",
        "user@example.org",
        "example.org#",
        "example.org?",
        "a%2eorg",
    ),
    *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "1.2.3.4"),
    *(
        "[::1]",
        "::1",
        "[::ffff:127.0.0.1]",
        "fe80::1%eth0",
        "*.example.org",
        "*",
        "a" * 64 + ".org",
    ),
    *(".".join(["a" * 60] * 5), "\u0435xample.org", "ex\u00e4mple.org", "example\u3002org"),
    *(
        "\uff45xample.org",
        "exam\u200dple.org",
        "exam\u00adple.org",
        "example.org\x7f",
        "a.0x",
        "a.1",
    ),
)


@pytest.mark.parametrize("text", STRANGE)
def test_a_strange_name_is_refused(text: str) -> None:
    """Whatever another program could read as another name, or as an address."""
    with pytest.raises(NotAHost):
        parse_host(text)


@pytest.mark.parametrize(
    "text",
    [
        *("a.org", "a.org:", "a.org:0", "a.org:+80", "a.org:080", "a.org:65536", "a.org:8 0"),
        *("a.org:x", "a.org:80:80", "a.org:\u0664", "[::1]:443", ":443"),
    ],
)
def test_a_strange_port_is_refused(text: str) -> None:
    """There is exactly one way to write one."""
    with pytest.raises(NotAHost):
        parse_endpoint(text)


def test_rules_permit_what_they_say_and_no_more() -> None:
    """Case does not matter; a * stands for one label, never none; other ports must be named."""
    permits = ("example.org:443", "EXAMPLE.org:80", "x.cdn.example.org:443", "api.example.org:8443")
    refuses = (
        *("example.org:22", "example.org:8443", "www.example.org:443", "cdn.example.org:443"),
        *("a.b.cdn.example.org:443", "xcdn.example.org:443", "api.example.org:443"),
        *("example.org.evil.org:443", "evil-example.org:443", "org:443"),
    )
    assert [text for text in permits if permitted(RULES, parse_endpoint(text))] == list(permits)
    assert [text for text in refuses if permitted(RULES, parse_endpoint(text))] == []


def test_rules_are_read_in_the_operator_s_letters() -> None:
    """Names beyond ASCII become what is asked for; where two standards differ, neither is taken."""
    assert parse_rule("B\u00fccher.example") == HostRule("xn--bcher-kva.example")
    assert parse_rule("*.Example.org:8443") == HostRule("*.example.org", 8443)
    assert not parse_rule("ex\u0430mple.org").permits(Endpoint("example.org", 443))
    for text in ("*.org", "*", "stra\u00dfe.de", "https://a.org", "a.org/x", "10.0.0.1", "a.*.org"):
        with pytest.raises(NotAHost):
            parse_rule(text)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "::127.0.0.1", "fe80::1%lo", "x"),
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    """Nor is one that carries such an address in it."""
    assert not is_public(address)


def test_addresses_of_the_internet_are_public() -> None:
    """Of both kinds."""
    assert all(map(is_public, ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822")))


@given(st.text(alphabet=string.printable + "\0\u0430\u3002\uff0e.-:*[]", max_size=40))
def test_a_name_that_is_taken_is_plain_and_stays_itself(text: str) -> None:
    """Labels of lower-case ASCII between single dots, no address, the same when read again."""
    try:
        host = parse_host(text)
    except NotAHost:
        return
    assert host == text.lower() == parse_host(host)
    assert set(host) <= set(string.ascii_lowercase + string.digits + "-.")
    assert all(host.split("."))
    with pytest.raises(ValueError, match="does not appear to be"):
        ipaddress.ip_address(host)


LABEL = st.text(alphabet="ab1", min_size=1, max_size=2)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "org"]))


@given(rule=NAME, asked=NAME, is_wild=st.booleans())
def test_a_rule_permits_its_name_or_one_label_in_front_of_it(
    rule: str, asked: str, is_wild: bool
) -> None:
    """Compared label by label, from the right."""
    made = parse_rule(f"*.{rule}" if is_wild else rule)
    labels = asked.split(".")
    expected = labels[1:] == rule.split(".") if is_wild else labels == rule.split(".")
    assert made.permits(Endpoint(asked, 443)) is expected
