"""Labels that say where a capture was taken."""

from __future__ import annotations

import pytest

from pcapdiag.correlate.labels import role_of_label
from pcapdiag.incident.place_roles import ends_by_labels

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("label", "role"),
    [
        ("client", "client"),
        ("proxy2", "proxy"),
        ("upstream-10", "upstream"),
        ("server", "upstream"),
        ("backend_3", "upstream"),
        ("fw-inside", None),
        ("server-room", None),
        ("clients", None),
    ],
)
def test_a_label_that_is_a_role_may_be_numbered(label: str, role: str | None) -> None:
    assert role_of_label(label) == role


def test_who_serves_a_client_is_no_proxy_where_the_server_was_captured() -> None:
    ends = ends_by_labels({"client", "server"})
    assert ends is not None
    assert (ends.initiator, ends.responder) == ("client", "upstream")
    ends = ends_by_labels({"proxy", "backend2"})
    assert ends is not None
    assert (ends.initiator, ends.responder) == ("proxy", "upstream")
