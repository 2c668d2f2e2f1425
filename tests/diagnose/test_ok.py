"""What is noted of connections that worked: no more than what was seen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.ok import match
from tests.diagnose.playbook import (
    EXCHANGE,
    GET,
    HANDSHAKE,
    OK,
    C,
    Line,
    S,
    again,
    around,
    icmp,
    judged,
    play,
)

ANSWERED = (*HANDSHAKE, C("PSH,ACK", GET), S("PSH,ACK", OK))


def notes(*lines: Line) -> tuple[str, ...]:
    story = play(*lines)
    return match(story, around(story)).notes


def test_a_loss_was_repaired_where_its_bytes_were_acknowledged() -> None:
    repeated = (*ANSWERED, *again(S("PSH,ACK", OK), 200, 400, 800))
    assert notes(*repeated, C("ACK")) == ("3 segments were sent again; the loss was repaired.",)
    assert notes(*repeated) == ("3 segments were sent again; not all was acknowledged.",)


@pytest.mark.parametrize(
    ("more", "outcome"),
    [((C("PSH,ACK", GET),), "; it went on all the same."), ((), ", the last that is seen of it.")],
)
def test_what_came_behind_an_icmp_error(more: tuple[Line, ...], outcome: str) -> None:
    told = notes(*HANDSHAKE, *EXCHANGE, C("FIN,ACK"), icmp(3, 1, "10.0.0.254"), *more)
    assert [note for note in told if note.endswith(outcome)]


def test_a_fin_that_nobody_acknowledges_is_no_loss_that_was_repaired() -> None:
    fins = tuple(replace(C("FIN,ACK", after=200 * 2**n, lost=True), again=True) for n in range(4))
    verdict = judged(*EXCHANGE, C("FIN,ACK", after=400, lost=True), *fins)
    assert verdict.code == "ok"
    assert any("not all was acknowledged" in note for note in verdict.notes)
    heard = judged(*EXCHANGE, C("FIN,ACK", after=400, lost=True), *fins, S("FIN,ACK"), C("ACK"))
    assert any("the loss was repaired" in note for note in heard.notes)
