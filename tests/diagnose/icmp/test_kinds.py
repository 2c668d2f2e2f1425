from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.attribution import attribute
from pcapdiag.diagnose.icmp.quoted import KEPT
from pcapdiag.diagnose.judge import judge
from pcapdiag.incident.leg_failures import leg_failures
from pcapdiag.model.story import Half, Story
from tests.diagnose.playbook import (
    CLIENT,
    EXCHANGE,
    GET,
    HANDSHAKE,
    SERVER,
    C,
    S,
    again,
    around,
    icmp,
    judged,
    play,
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


@pytest.mark.parametrize(
    ("kind", "code", "source", "expected", "side"),
    [
        (3, 13, ROUTER, "icmp.prohibited", "path"),
        (3, 3, SERVER[0], "icmp.unreachable", "responder"),
        (11, 0, ROUTER, "icmp.time_exceeded", "path"),
    ],
)
def test_errors_that_met_every_try_were_the_end_of_it(
    kind: int, code: int, source: str, expected: str, side: str
) -> None:
    request = C("PSH,ACK", GET, lost=True)
    error = icmp(kind, code, source)
    tries = [line for one in again(request, 200, 400, 800, 1600, 3200) for line in (one, error)]
    verdict = judged(*HANDSHAKE, request, error, *tries, left=0.1)
    assert verdict.code == expected
    assert sides(verdict)[side] > 0.9
    alive = S("ACK", ack=1, after=0.1)
    assert judged(*HANDSHAKE, request, error, *tries, alive, left=0.1).code == expected


def test_a_sender_that_is_told_repeats_more_often_than_errors_are_kept() -> None:
    request = C("PSH,ACK", GET, lost=True)
    error = icmp(3, 1, ROUTER)
    told = [line for one in again(request, *[200] * (KEPT - 1)) for line in (one, error)]
    lines = (*HANDSHAKE, request, error, *told, *again(request, *[200] * 2 * KEPT))
    alive = S("ACK", ack=1, after=0.1)
    assert judged(*lines, alive, left=0.1).code == "icmp.unreachable"
    fewer = (*HANDSHAKE, request, error, *told[:8], *again(request, *[200] * 2 * KEPT))
    assert judged(*fewer, alive, left=0.1).code == "tcp.data_timeout"


def test_one_error_does_not_explain_data_that_was_lost_long_after_it() -> None:
    request = C("PSH,ACK", GET, lost=True)
    tries = again(request, 200, 400, 800, 1600, 3200)
    alive = S("ACK", ack=1, after=0.1)
    lines = (*HANDSHAKE, request, icmp(3, 13, ROUTER), *tries, alive)
    assert judged(*lines, left=9).code == "tcp.data_timeout"


def test_the_senders_own_host_rejects() -> None:
    verdict = judged(C("SYN"), icmp(3, 3, CLIENT[0]))
    assert sides(verdict)["initiator"] == 0.9
    assert verdict.fix_at == ("initiator", "responder")
    assert not verdict.notes


def error_alone(story: Story) -> Story:
    """Return the story where a capture filter left only the ICMP error."""
    return replace(
        story,
        initiator=Half(*CLIENT),
        responder=Half(*SERVER),
        packets=(),
        start=story.icmp[0].time,
        syn_count=0,
        syn_frames=(),
        syn_times=(),
    )


@pytest.mark.parametrize(
    ("midstream", "expected"), [(False, "icmp.unreachable"), (True, "capture.partial")]
)
def test_an_error_that_quotes_a_connection_of_which_nothing_was_captured(
    midstream: bool, expected: str
) -> None:
    full = play(C("SYN"), icmp(3, 3, CLIENT[0]))
    quoted = replace(error_alone(full), midstream=midstream, initiator_inferred=midstream)
    verdict = judge(quoted, around(quoted, 5))
    assert verdict.code == expected
    assert verdict.failed != midstream
    if not midstream:
        assert verdict.phase == "connect"
        assert "nothing was captured" in verdict.notes[0]


def test_a_nat_that_passes_on_in_its_own_name_that_a_host_behind_it_is_gone() -> None:
    gone = (C("SYN"), C("SYN", again=True, after=1000), icmp(3, 1, SERVER[0], after=2000))
    verdict = judged(*gone)
    assert sides(verdict)["path"] == 0.9
    assert "a NAT wrote" in verdict.candidates[0].why
    assert "endpointslices" in verdict.fixes[0]
    assert verdict.commands[0].startswith("conntrack -L -d {target_ip}")
    alone = error_alone(play(*gone))
    assert sides(judge(alone, around(alone, 5)))["path"] == 0.9


@pytest.mark.parametrize(("code", "after"), [(1, 500), (3, 2000)], ids=["at once", "other error"])
def test_a_host_that_says_it_of_itself(code: int, after: int) -> None:
    verdict = judged(C("SYN"), icmp(3, code, SERVER[0], after=after))
    assert sides(verdict)["responder"] == 0.93


@pytest.mark.parametrize(
    ("quoted", "named"), [(63, "responder"), (62, "unknown"), (0, "responder")]
)
def test_a_router_behind_a_nat_lowered_the_ttl_before_it_rejected(quoted: int, named: str) -> None:
    story = play(C("SYN"), icmp(3, 13, SERVER[0]))
    error = replace(story.icmp[0], ttl=63, quoted_ttl=quoted)
    story = replace(story, icmp=(error,))
    story.initiator.ttls = {64: 1}
    context = around(story)
    judgement = judge(story, context)
    assert judgement.code == "icmp.prohibited"
    assert attribute(story, judgement, context).side == named
    asked_for_a_nat = bool(judgement.fixes) and "translated" in judgement.fixes[0]
    assert asked_for_a_nat == (named == "unknown")


def test_an_error_in_mid_use_decides_nothing_for_the_other_legs() -> None:
    """TCP repeats its data after it: who waits for the answer is told by nobody."""
    refused = play(C("SYN"), icmp(3, 1, ROUTER))
    context = around(refused)
    (failure,) = leg_failures(refused, judge(refused, context), context)
    assert (failure.by, failure.is_silent) == ("path", False)
    stuck = play(*HANDSHAKE, C("PSH,ACK", GET), icmp(3, 1, ROUTER))
    context = around(stuck)
    judgement = judge(stuck, context)
    assert judgement.code == "icmp.unreachable"
    (failure,) = leg_failures(stuck, judgement, context)
    assert (failure.by, failure.is_silent) == (None, True)
