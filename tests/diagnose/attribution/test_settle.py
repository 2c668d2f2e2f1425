"""The capture that would settle who did it."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.attribution.settle import (
    capture_that_settles,
    settling_commands,
    would_settle,
)
from pcapdiag.model.context import Context
from pcapdiag.model.report import Attribution, Candidate
from tests.diagnose.attribution.exchange import CLIENT, NOTHING, SERVER, talk

pytestmark = pytest.mark.once


def test_it_is_the_end_that_was_not_captured() -> None:
    story = talk().story()
    assert SERVER in capture_that_settles(story, NOTHING)
    assert SERVER in capture_that_settles(story, Context(capture_hosts=frozenset({CLIENT})))
    assert CLIENT in capture_that_settles(story, Context(capture_hosts=frozenset({SERVER})))


def test_the_commands_name_ends_and_roles() -> None:
    story = talk().story()
    take, join = settling_commands(story, NOTHING, ("client", "upstream"))
    assert take.startswith(f"tcpdump -ni any -w upstream.pcap 'host {CLIENT} and tcp port 8443'  #")
    assert f"on {SERVER}" in take
    assert join == "pcapdiag correlate client=this.pcap upstream=upstream.pcap"


def test_taken_at_the_responder_the_other_end_is_asked_for() -> None:
    context = Context(capture_hosts=frozenset({SERVER}))
    take, join = settling_commands(talk().story(), context, ("proxy", "proxy"))
    assert f"-w initiator.pcap 'host {SERVER} and" in take
    assert join == "pcapdiag correlate responder=this.pcap initiator=initiator.pcap"


def test_a_second_capture_does_not_tell_which_end_it_was() -> None:
    ends = [Candidate(side="initiator", party="unknown", confidence=0.5)]
    assert not would_settle(Attribution(candidates=ends))
    path = Candidate(side="path", party="middlebox", confidence=0.4)
    assert would_settle(Attribution(candidates=[*ends, path]))
    assert not would_settle(Attribution(side="path", candidates=[path]))
