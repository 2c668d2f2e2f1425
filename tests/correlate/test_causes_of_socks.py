"""Whose call a SOCKS proxy's refusal passes on."""

from __future__ import annotations

import pytest

from pcapdiag.correlate.leg_failure import LegFailure
from tests.correlate.legs import causes, refused, reply, reset

pytestmark = pytest.mark.once


def socks(status: int | None) -> LegFailure:
    return reply(code="socks.refused", product="", reason="", status=status)


@pytest.mark.parametrize(("code", "led"), [(5, True), (1, True), (0x5B, True), (2, False)])
def test_a_socks_proxy_passes_on_that_its_call_failed(code: int, led: bool) -> None:
    said = socks(code)
    assert causes(said, refused()) == ({0: [1]} if led else {})


def test_a_login_that_failed_and_a_call_that_came_up_explain_nothing() -> None:
    assert causes(socks(None), refused()) == {}
    assert causes(socks(5), reset()) == {}
