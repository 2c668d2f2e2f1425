"""Questions and answers over copies, retries, families, servers and search domains."""

from __future__ import annotations

import pytest

from pcapdiag.incident.lookups import LAST_PATIENCE, Lookups
from pcapdiag.model.dns import (
    AAAA,
    NOERROR,
    NXDOMAIN,
    SERVFAIL,
    A,
    DnsFacts,
    DnsMessage,
    DnsParty,
    FailedName,
    Failure,
)

pytestmark = pytest.mark.once
SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
CLIENT, SERVER, OTHER = "10.0.0.5", "10.0.9.53", "10.0.9.54"
ADDRESS = "10.0.2.7"


class Wire:
    """Plays messages at seconds since the start."""

    def __init__(self) -> None:
        self.lookups = Lookups()
        self.frame = 0

    def _note(self, at: float, port: int, server: str, message: DnsMessage) -> None:
        self.frame += 1
        assert self.lookups.has_room()
        party = DnsParty(CLIENT, port, server)
        self.lookups.note(party, message, self.frame, START + int(at * SECOND))

    def ask(
        self, at: float, name: str, kind: int = A, number: int = 1, port: int = 4000,
        server: str = SERVER,
    ) -> None:  # fmt: skip
        self._note(at, port, server, DnsMessage(number, False, False, 0, name, kind))

    def reply(
        self, at: float, name: str, *addresses: str, rcode: int = NOERROR, kind: int = A,
        number: int = 1, port: int = 4000, server: str = SERVER, cut: bool = False,
    ) -> None:  # fmt: skip
        message = DnsMessage(
            id=number,
            is_response=True,
            truncated=cut,
            rcode=rcode,
            name=name,
            type=kind,
            records=len(addresses),
            addresses=addresses,
            ttl=30 if addresses else 0,
        )
        self._note(at, port, server, message)

    def facts(self, until: float = 60) -> DnsFacts:
        return self.lookups.facts(START + int(until * SECOND))


def failures(facts: DnsFacts) -> dict[str, dict[Failure, int]]:
    return {one.name: one.failures for one in facts.failed if one.failures}


def name_of(facts: DnsFacts, name: str) -> FailedName:
    return next(one for one in facts.failed if one.name == name)


def test_an_answer_and_how_long_it_took() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.reply(0.003, "api.example", ADDRESS)
    facts = wire.facts()
    (resolver,) = facts.resolvers
    assert (resolver.asked, resolver.answered, resolver.unanswered) == (1, 1, 0)
    assert resolver.times[2] == 1
    assert (failures(facts), facts.slow) == ({}, [])
    assert facts.names == {ADDRESS: ["api.example"]}


def test_a_translated_question_is_seen_twice_and_counted_once() -> None:
    wire = Wire()
    wire.ask(0, "api.example", server=SERVER)
    wire.ask(0.0001, "api.example", server=OTHER)
    wire.reply(0.002, "api.example", rcode=NXDOMAIN, server=OTHER)
    wire.reply(0.0021, "api.example", rcode=NXDOMAIN, server=SERVER)
    facts = wire.facts()
    assert [(one.address, one.asked, one.answered) for one in facts.resolvers] == [(OTHER, 1, 1)]
    assert failures(facts) == {"api.example": {"nxdomain": 1}}


def test_nobody_answers() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.ask(2, "api.example")
    wire.ask(30, "api.example", number=2, port=4001)
    facts = wire.facts()
    (resolver,) = facts.resolvers
    assert (resolver.asked, resolver.unanswered) == (3, 3)
    assert failures(facts) == {"api.example": {"unanswered": 2}}


def test_a_question_at_the_end_of_the_capture_is_not_unanswered() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    assert failures(wire.facts(until=LAST_PATIENCE / SECOND - 0.1)) == {}


def test_an_answer_whose_question_was_before_the_capture() -> None:
    wire = Wire()
    wire.reply(0, "api.example", ADDRESS)
    wire.reply(0.1, "gone.example", rcode=NXDOMAIN)
    facts = wire.facts()
    assert failures(facts) == {"gone.example": {"nxdomain": 1}}
    assert name_of(facts, "api.example").good == 1
    assert [one.answered for one in facts.resolvers] == [0]


def test_the_second_server_answers() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.ask(5, "api.example", port=4001, server=OTHER)
    wire.reply(5.01, "api.example", ADDRESS, port=4001, server=OTHER)
    facts = wire.facts()
    assert failures(facts) == {}
    assert [(one.server, one.tries, one.took // SECOND) for one in facts.slow] == [(SERVER, 2, 5)]


def test_a_failure_before_the_answer_of_a_second_server_is_none() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.reply(0.01, "api.example", rcode=SERVFAIL)
    wire.ask(0.02, "api.example", port=4001, server=OTHER)
    wire.reply(0.03, "api.example", ADDRESS, port=4001, server=OTHER)
    assert failures(wire.facts()) == {}


def test_both_families_of_one_lookup_fail_once() -> None:
    wire = Wire()
    for at in (0, 20):
        wire.ask(at, "api.example", A, 1)
        wire.ask(at, "api.example", AAAA, 2)
        wire.reply(at + 0.01, "api.example", rcode=NXDOMAIN)
        wire.reply(at + 0.01, "api.example", rcode=NXDOMAIN, kind=AAAA, number=2)
    assert failures(wire.facts()) == {"api.example": {"nxdomain": 2}}


def test_one_family_without_an_answer_beside_one_that_works() -> None:
    wire = Wire()
    wire.ask(0, "api.example", A, 1)
    wire.ask(0, "api.example", AAAA, 2)
    wire.reply(0.01, "api.example", ADDRESS)
    assert failures(wire.facts()) == {}


def test_a_server_that_denies_a_name_for_the_family_it_lacks() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.reply(0.01, "api.example", ADDRESS)
    for at in (20, 40):
        wire.ask(at, "api.example", AAAA)
        wire.reply(at + 0.01, "api.example", rcode=NXDOMAIN, kind=AAAA)
    assert failures(wire.facts(until=90)) == {}


def test_an_empty_answer_is_no_failure() -> None:
    wire = Wire()
    wire.ask(0, "api.example", AAAA)
    wire.reply(0.01, "api.example", kind=AAAA)
    assert failures(wire.facts()) == {}


def test_a_late_second_answer_changes_nothing() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.ask(1, "api.example")
    wire.reply(1.1, "api.example", ADDRESS)
    wire.reply(3, "api.example", ADDRESS)
    facts = wire.facts()
    (resolver,) = facts.resolvers
    assert resolver.rcodes == {NOERROR: 1}
    assert [one.took // 1_000_000 for one in facts.slow] == [1_100]


def test_search_domains_are_told_apart_from_the_name() -> None:
    wire = Wire()
    names = ("api.example.svc.cluster.local", "api.example.cluster.local")
    for at, name in enumerate(names):
        wire.ask(at / 100, name)
        wire.reply(at / 100 + 0.001, name, rcode=NXDOMAIN)
    wire.ask(0.03, "api.example")
    wire.reply(0.04, "api.example", ADDRESS)
    facts = wire.facts()
    assert name_of(facts, names[0]).tried_next == {names[1], "api.example"}
    assert facts.search_domains == {"svc.cluster.local", "cluster.local"}


def test_search_domains_by_their_answers_alone() -> None:
    wire = Wire()
    wire.reply(0, "api.example.cluster.local", rcode=NXDOMAIN)
    wire.reply(0.01, "api.example", ADDRESS)
    assert wire.facts().search_domains == {"cluster.local"}


def test_servers_among_each_other_are_left_alone() -> None:
    lookups = Lookups()
    query = DnsMessage(1, False, False, 0, "api.example", A, recursive=False)
    lookups.note(DnsParty(CLIENT, 4000, SERVER), query, 1, START)
    facts = lookups.facts(START + 60 * SECOND)
    assert (facts.resolvers, facts.failed) == ([], [])


def test_a_cut_answer_says_nothing_of_the_name() -> None:
    wire = Wire()
    wire.ask(0, "api.example")
    wire.reply(0.01, "api.example", cut=True)
    facts = wire.facts()
    assert facts.resolvers[0].truncated == 1
    assert (failures(facts), facts.answers) == ({}, [])


def test_an_address_that_answers_no_longer_hold() -> None:
    wire = Wire()
    for at, address in ((0, ADDRESS), (10, ADDRESS), (20, "10.0.2.8"), (30, "10.0.2.8")):
        wire.ask(at, "api.example", number=at)
        wire.reply(at + 0.01, "api.example", address, number=at)
    (book,) = wire.facts().answers
    old, new = book.held[ADDRESS], book.held["10.0.2.8"]
    assert (old.last, old.gone, old.without) == (
        START + 10 * SECOND + SECOND // 100,
        START + 20 * SECOND + SECOND // 100,
        2,
    )
    assert (new.gone, book.current[A]) == (0, ("10.0.2.8",))


def test_an_address_that_comes_back_is_held_again() -> None:
    wire = Wire()
    for at, address in enumerate((ADDRESS, "10.0.2.8", "10.0.2.9", ADDRESS)):
        wire.ask(at, "api.example", number=at)
        wire.reply(at + 0.01, "api.example", address, number=at)
    held = wire.facts().answers[0].held[ADDRESS]
    assert (held.gone, held.longest_away) == (0, 2)


def test_a_question_captured_again_behind_its_answer_is_a_copy() -> None:
    """Two interfaces, or a mirror port that has the two directions from two queues."""
    wire = Wire()
    for number in range(5):
        wire.ask(number, "a.example", number=number)
        wire.reply(number + 0.001, "a.example", ADDRESS, number=number)
        wire.ask(number + 0.0015, "a.example", number=number)
        wire.reply(number + 0.0017, "a.example", ADDRESS, number=number)
    (resolver,) = wire.facts().resolvers
    assert (resolver.asked, resolver.answered, resolver.unanswered) == (5, 5, 0)


def test_a_question_captured_behind_its_answer_was_answered() -> None:
    wire = Wire()
    for number in range(5):
        wire.reply(number, "a.example", ADDRESS, number=number)
        wire.ask(number + 0.001, "a.example", number=number)
    facts = wire.facts()
    assert not failures(facts)
    assert not sum(one.unanswered for one in facts.resolvers)
