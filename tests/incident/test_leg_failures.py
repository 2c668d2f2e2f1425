"""When the call behind a failed connection may have begun: often before its client has asked."""

from __future__ import annotations

from pcapdiag.correlate.leg_failure import LegFailure
from pcapdiag.diagnose.judge import judge
from pcapdiag.incident.leg_failures import leg_failures
from pcapdiag.model.story import Story
from tests.diagnose.playbook import GET, HANDSHAKE, C, S, around, play
from tests.diagnose.tls.scenes import (
    FINISHED_13,
    FLIGHT_13,
    HELLO,
    SECURED,
    TICKETS,
    records,
    scene,
)


def failure(story: Story) -> LegFailure:
    context = around(story)
    (found,) = leg_failures(story, judge(story, context), context)
    return found


def test_a_request_behind_the_end_is_not_what_a_call_was_made_for() -> None:
    lines = (*HANDSHAKE, S("FIN,ACK", after=2), C("ACK"), C("PSH,ACK", GET, after=60), S("RST"))
    found = failure(play(*lines))
    assert found.code == "tcp.closed_before_request"
    assert found.since == found.opened < found.decided < found.asked


def test_a_proxy_that_ends_tls_calls_before_the_first_request() -> None:
    begun = (HELLO, FLIGHT_13, FINISHED_13, TICKETS, C("PSH,ACK", records(90), after=20), S("ACK"))
    reset = S("RST,ACK", win=500, after=900)
    story = scene(*begun, reset, client_data=1, tickets=2, **SECURED)
    found = failure(story)
    assert found.code == "tcp.reset_before_response"
    assert found.since == story.start < found.asked


def test_a_later_request_inside_tls_has_a_call_of_its_own() -> None:
    begun = (HELLO, FLIGHT_13, FINISHED_13, TICKETS)
    turns = (
        C("PSH,ACK", records(90), after=20),
        S("PSH,ACK", records(900), after=20),
        C("PSH,ACK", records(90), after=20),
        S("RST,ACK", win=500, after=900),
    )
    found = failure(scene(*begun, *turns, client_data=2, server_data=1, tickets=2, **SECURED))
    assert found.since == found.asked
