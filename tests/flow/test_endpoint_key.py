"""A sidecar and the application behind it have one address and port, and are two endpoints."""

from __future__ import annotations

import pytest

from pcapdiag.flow.table import endpoint_key
from pcapdiag.model.addresses import key_of


@pytest.mark.parametrize(
    ("caller", "called", "inside"),
    [
        ("127.0.0.6", "10.0.0.2", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("127.0.0.1", "127.0.0.2", False),
        ("::6", "2001:db8::2", True),
        ("::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8::2", False),
        ("::1", "::6", False),
        ("::7", "2001:db8::2", False),
    ],
)
def test_a_hosts_loopback_calls_what_is_behind_the_sidecar(
    caller: str, called: str, inside: bool
) -> None:
    key = endpoint_key(key_of(caller), key_of(called), 443)
    assert key[:3] == key_of(called)
    assert (key[3] != 443) == inside
