"""The proxy through which the operator's machine reaches others, as its variables name it."""

import ipaddress
from base64 import b64encode
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

_PORTS: Final = {"http": 80, "https": 443}


@frozen(kw_only=True)
class OperatorProxy:
    """``url`` holds neither name nor password: those are in ``headers``, for the proxy alone.

    ``problem`` is why it cannot be asked; empty: it can.
    """

    url: str
    place: str  # host and port, for sentences
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    problem: str = ""


def proxy_for(url: str, environ: Mapping[str, str]) -> OperatorProxy | None:
    """The proxy that ``HTTPS_PROXY`` and ``NO_PROXY`` have for an address; lower case wins.

    Null also without TLS, where it could read a key, and for this machine, which is another one
    for a proxy.
    """
    parts = urlsplit(url)
    named = {name.lower(): environ[name].strip() for name in sorted(environ)}  # upper case first
    found, host = named.get("https_proxy", ""), parts.hostname or ""
    if parts.scheme != "https" or not found or _is_here(host):
        return None
    # Few need it, and only its stub does not know it.
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    if proxy_bypass_environment(f"{host}:{parts.port or 443}", {"no": named.get("no_proxy", "")}):
        return None
    return _read(found)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _read(text: str) -> OperatorProxy:
    address = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(address)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        has_host = bool(parts.hostname) and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:
        has_host = False
    if not has_host:  # and what is written there may hold a password
        problem = "HTTPS_PROXY holds no address such as http://proxy.example:3128"
        return OperatorProxy(url="", place="of HTTPS_PROXY", problem=problem)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    place = f"{host}:{port}"
    if parts.scheme not in _PORTS:
        problem = f"the proxy {place} of HTTPS_PROXY is none of http:// or https://"
        return OperatorProxy(url="", place=place, problem=problem)
    headers = dict[str, str]()
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Proxy-Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
    return OperatorProxy(url=f"{parts.scheme}://{place}", place=place, headers=headers)
