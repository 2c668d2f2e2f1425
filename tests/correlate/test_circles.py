"""Causes do not go round in a circle."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.correlate.legs import FRONT, causes, reply

pytestmark = pytest.mark.once


def test_two_legs_of_one_host_do_not_explain_each_other() -> None:
    """A sidecar's call of its application, and that one's call through the sidecar."""
    outer = reply(1, client="127.0.0.6", asked=10, decided=20.2, handed_on=True)
    inner = reply(2, client=FRONT, answerer="127.0.0.1", asked=10.4, decided=20, handed_on=True)
    assert causes(outer, inner, own=frozenset({FRONT})) == {1: [2]}


def test_the_call_that_brought_a_request_to_who_asks_here_is_no_cause() -> None:
    """An application that keeps the id asks on, and gets the other proxy's 503."""
    first = reply(1, client="10.9.9.9", asked=9, decided=21, request_id="a", answerer="10.0.0.9")
    own = reply(request_id="a", reason="connection termination")
    handed_on = replace(first, reason="connection termination", handed_on=True)
    assert causes(own, handed_on) == {1: [0]}
