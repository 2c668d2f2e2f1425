"""Who is client, proxy and upstream."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pcapdiag.correlate import roles as module
from pcapdiag.correlate.roles import Ends, Overrides, Roles
from pcapdiag.model.options import EndPattern
from pcapdiag.model.report import Attribution, Candidate

CLIENT, PROXY, UPSTREAM, OTHER = "10.0.0.9", "10.0.1.5", "10.0.2.7", "10.0.2.8"


def seen(pairs: Iterable[tuple[str, str]], overrides: Overrides | None = None) -> Roles:
    roles = Roles(overrides or Overrides())
    for initiator, responder in pairs:
        roles.add((initiator, 40000), (responder, 443), answered=True)
    return roles


def ends(roles: Roles, initiator: str, responder: str) -> Ends:
    return roles.ends((initiator, 40000), (responder, 443))


def test_two_legs_show_the_proxy() -> None:
    roles = seen([(CLIENT, PROXY), (PROXY, UPSTREAM)])
    assert ends(roles, CLIENT, PROXY) == Ends("client", "proxy")
    assert ends(roles, PROXY, UPSTREAM) == Ends("proxy", "upstream")
    assert ends(roles, CLIENT, PROXY).leg == "downstream"
    assert ends(roles, PROXY, UPSTREAM).leg == "upstream"


def test_one_leg_is_read_as_proxy_to_upstream_and_assumed() -> None:
    roles = seen([(PROXY, UPSTREAM), (PROXY, OTHER)])
    assert ends(roles, PROXY, UPSTREAM) == Ends("proxy", "upstream", assumed=True)
    assert roles.topology().assumed


def test_an_upstream_that_never_answered_is_still_one() -> None:
    roles = Roles()
    roles.add((CLIENT, 1), (PROXY, 443), answered=True)
    roles.add((PROXY, 2), (UPSTREAM, 8443), answered=False)
    assert ends(roles, PROXY, UPSTREAM) == Ends("proxy", "upstream")


def test_talking_to_itself_makes_no_proxy() -> None:
    roles = seen([("127.0.0.1", "127.0.0.1"), (PROXY, PROXY), (CLIENT, PROXY)])
    assert not roles.is_proxy("127.0.0.1")
    assert not roles.is_proxy(PROXY)


def test_two_hosts_that_open_to_each_other_are_no_proxies() -> None:
    roles = seen([(CLIENT, UPSTREAM), (UPSTREAM, CLIENT)])
    assert not roles.is_proxy(CLIENT)


def test_a_chain_of_proxies_is_between() -> None:
    roles = seen([(CLIENT, PROXY), (PROXY, OTHER), (OTHER, UPSTREAM)])
    assert ends(roles, PROXY, OTHER).leg == "between"
    assert ends(roles, OTHER, UPSTREAM) == Ends("proxy", "upstream")


def test_in_a_pod_one_address_is_sidecar_and_application() -> None:
    pod = "10.0.3.3"
    roles = seen([(CLIENT, pod), ("127.0.0.6", pod)])
    assert ends(roles, CLIENT, pod) == Ends("client", "proxy")
    assert ends(roles, "127.0.0.6", pod) == Ends("proxy", "upstream")


def test_the_users_word_wins() -> None:
    said = Overrides(proxies=(EndPattern.parse("10.0.2.7:443"),))
    roles = seen([(CLIENT, UPSTREAM)], said)
    assert ends(roles, CLIENT, UPSTREAM) == Ends("client", "proxy")
    assert roles.ends((CLIENT, 40000), (UPSTREAM, 80)).assumed
    topology = roles.topology()
    assert (topology.proxies, topology.assumed) == ([UPSTREAM], False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Overrides(clients=(EndPattern.parse("10.0.0.0/24"),)), Ends("client", "proxy")),
        (Overrides(upstreams=(EndPattern.parse(UPSTREAM),)), Ends("proxy", "upstream")),
        (
            Overrides(clients=(EndPattern.parse(CLIENT),), upstreams=(EndPattern.parse(UPSTREAM),)),
            Ends("client", "upstream"),
        ),
    ],
)
def test_one_end_given_tells_the_other(said: Overrides, expected: Ends) -> None:
    assert ends(seen([], said), CLIENT, UPSTREAM) == expected


def test_content_speaks_before_the_addresses_do() -> None:
    roles = seen([(CLIENT, PROXY)])
    found = roles.ends((CLIENT, 1), (PROXY, 443), hints={"responder": "proxy"})
    assert found == Ends("client", "proxy")


def test_topology_lists_each_role() -> None:
    topology = seen([(CLIENT, PROXY), (PROXY, UPSTREAM), (PROXY, OTHER)]).topology()
    assert topology.clients == [CLIENT]
    assert topology.proxies == [PROXY]
    assert topology.upstreams == [UPSTREAM, OTHER]
    assert not topology.assumed


def test_a_role_given_to_an_address_and_port_is_in_the_topology_with_its_peer() -> None:
    said = Overrides(upstreams=(EndPattern.parse(f"{UPSTREAM}:8443"),))
    roles = Roles(said)
    roles.add((PROXY, 0), (UPSTREAM, 0), answered=True)
    roles.add_end(UPSTREAM, 8443)
    topology = roles.topology()
    assert (topology.proxies, topology.upstreams) == ([PROXY], [UPSTREAM])
    assert not topology.assumed


def test_parties_follow_from_the_roles() -> None:
    roles = Ends("client", "proxy")
    assert [roles.party(s) for s in ("initiator", "responder", "path", "unknown")] == [
        "client",
        "proxy",
        "middlebox",
        "unknown",
    ]
    unknown = Attribution(
        candidates=[
            Candidate(side="responder", party="unknown", confidence=0.5),
            Candidate(side="path", party="middlebox", confidence=0.5),
        ]
    )
    roles.assign(unknown)
    assert [c.party for c in unknown.candidates] == ["proxy", "middlebox"]
    assert unknown.party == "unknown"


def test_memory_is_bounded_and_the_rest_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 10)
    roles = seen((f"10.1.0.{n}", UPSTREAM) for n in range(50))
    assert roles.left_out > 0
    assert len(roles.topology().proxies) <= 10


def test_a_host_with_two_addresses_is_one_proxy() -> None:
    front, back = PROXY, "10.0.5.5"
    roles = Roles(hosts=(frozenset({front, back}),))
    roles.add((CLIENT, 1), (front, 443), answered=True)
    roles.add((back, 2), (UPSTREAM, 8443), answered=False)
    assert ends(roles, CLIENT, front) == Ends("client", "proxy")
    assert ends(roles, back, UPSTREAM) == Ends("proxy", "upstream")
    assert ends(roles, front, back).assumed


def test_two_addresses_that_only_answer_make_no_proxy() -> None:
    roles = Roles(hosts=(frozenset({PROXY, OTHER}),))
    roles.add((CLIENT, 1), (PROXY, 443), answered=True)
    roles.add((CLIENT, 2), (OTHER, 443), answered=True)
    assert not roles.is_proxy(PROXY)


def test_who_answered_as_a_proxy_once_is_one_in_the_topology_for_all_but_its_own_host() -> None:
    roles = seen([(CLIENT, PROXY)])
    roles.spoken.note(CLIENT, (PROXY, 443), {"responder": "proxy"})
    topology = roles.topology()
    assert (topology.clients, topology.proxies) == ([CLIENT], [PROXY])
    assert not topology.assumed
    local = seen([("127.0.0.1", PROXY)])
    local.spoken.note(CLIENT, (PROXY, 443), {"responder": "proxy"})
    assert local.topology().proxies == []
