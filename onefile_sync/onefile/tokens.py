"""Checks to which addresses a token may be sent, and whether a text can be a token."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

LONGEST_TOKEN = 4096


def is_safe_address(base_url: str) -> bool:
    """Whether a token may be sent to this address: over TLS, or to this machine (the sandbox)."""
    try:
        address = urlsplit(base_url)
        host = address.hostname or ""
    except ValueError:
        return False
    if address.scheme == "https":
        return bool(host)
    if address.scheme != "http":
        return False
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def is_token(token: str) -> bool:
    """Whether a text can be a token, rather than HTML, an error message or characters that a header cannot hold."""
    return (
        0 < len(token) <= LONGEST_TOKEN
        and token.isascii()
        and token.isprintable()
        and not any(character in token for character in " <")
    )
