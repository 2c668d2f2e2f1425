from __future__ import annotations

import pytest

from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    SERVER,
    C,
    S,
    again,
    icmp,
    judged,
    sides,
)

ROUTER = "10.0.0.1"


@pytest.mark.parametrize(
    ("version", "kind", "code", "expected"),
    [
        (4, 3, 0, "icmp.unreachable"),
        (4, 3, 1, "icmp.unreachable"),
        (4, 3, 3, "icmp.unreachable"),
        (4, 3, 9, "icmp.prohibited"),
        (4, 3, 10, "icmp.prohibited"),
        (4, 3, 13, "icmp.prohibited"),
        (4, 11, 0, "icmp.time_exceeded"),
        (6, 1, 0, "icmp.unreachable"),
        (6, 1, 3, "icmp.unreachable"),
        (6, 1, 4, "icmp.unreachable"),
        (6, 1, 1, "icmp.prohibited"),
        (6, 1, 5, "icmp.prohibited"),
        (6, 1, 6, "icmp.prohibited"),
        (6, 3, 0, "icmp.time_exceeded"),
    ],
)
def test_a_syn_answered_by_icmp(version: int, kind: int, code: int, expected: str) -> None:
    verdict = judged(C("SYN"), icmp(kind, code, ROUTER, version=version))
    assert verdict.code == expected
    assert verdict.phase == "connect"
    assert verdict.frames == (1, 2)
    assert sides(verdict) == {"path": pytest.approx(0.98)}


@pytest.mark.parametrize(
    ("version", "kind", "code", "first"),
    [(4, 3, 0, "network"), (4, 3, 1, "host"), (4, 3, 3, "port"), (6, 1, 4, "port")],
)
def test_the_fix_is_about_what_the_router_said(
    version: int, kind: int, code: int, first: str
) -> None:
    (fix,) = judged(C("SYN"), icmp(kind, code, ROUTER, version=version)).fixes
    assert fix.startswith(f"{first} unreachable")


@pytest.mark.parametrize(("kind", "code"), [(3, 4), (11, 1), (5, 0)])
def test_other_errors_are_no_refusal(kind: int, code: int) -> None:
    assert judged(C("SYN"), icmp(kind, code, ROUTER), left=0.1).code not in {
        "icmp.unreachable",
        "icmp.prohibited",
        "icmp.time_exceeded",
    }


def test_the_responders_own_firewall() -> None:
    assert sides(judged(C("SYN"), icmp(3, 3, SERVER[0])))["responder"] > 0.9


def test_a_syn_that_was_answered_after_all() -> None:
    lines = (C("SYN"), icmp(3, 1, ROUTER), C("SYN", again=True, after=1000), *HANDSHAKE[1:])
    verdict = judged(*lines, *EXCHANGE, C("FIN,ACK"), S("FIN,ACK"))
    assert verdict.code == "ok"


def test_a_soft_error_on_a_connection_that_was_served() -> None:
    lines = (*HANDSHAKE, C("PSH,ACK", GET), icmp(3, 1, ROUTER), *EXCHANGE[1:])
    verdict = judged(*lines, C("FIN,ACK"), S("FIN,ACK"))
    assert verdict.code == "ok"
    assert "ICMP" in " ".join(verdict.notes)


def test_an_error_that_ended_an_established_connection() -> None:
    request = C("PSH,ACK", GET, lost=True)
    tries = (request, icmp(3, 1, ROUTER, after=50), *again(request, 200, 400, 800))
    verdict = judged(*HANDSHAKE, *tries, C("RST,ACK", win=500, after=900))
    assert verdict.code == "icmp.unreachable"
    assert verdict.phase == "before_response"
    assert verdict.ended_by == "initiator"


def test_a_file_that_ends_while_the_sender_still_tries() -> None:
    request = C("PSH,ACK", GET, lost=True)
    lines = (*HANDSHAKE, request, icmp(3, 1, ROUTER), *again(request, 200))
    assert judged(*lines, left=1).code == "capture.partial"
    assert judged(*lines, left=9).code == "icmp.unreachable"
