"""Whose log tells of a failure: which program stands at an address, where its own answers show it.

A proxy logs what happens on both of its legs, a client and an origin have no proxy's log.
"""

from __future__ import annotations

from collections.abc import Mapping

from pcapdiag.model.failed_request import failed_exchange
from pcapdiag.model.report import Connection, PointLabel, Report

Callers = Mapping[tuple[PointLabel, int], str]
"""By point and stream: the program whose log tells of a connection; left out where none is known.
"""
NOBODY = "-"
"""In its place where no proxy that is known by its words logs the failure."""
ENVOY = "envoy"
_ANSWERED = ("http.", "http2.", "grpc.", "tcp.initiator_abort")
"""Codes of failures that a proxy logs for its client, and not only for its upstream."""


def callers(
    report: Report, cause_of: Mapping[int, int], samples: Mapping[int, Connection]
) -> Callers:
    """Return which programs log the failed connections that are listed.

    Those that are told as causes of a program's answer were opened by it (``cause_of`` as of
    ``order.causes``), wherever it stands.
    """
    programs: dict[str, frozenset[str]] = {}
    ends = []
    # One way through them: a large report reads its connections from disk.
    for one in report.connections:
        _note_programs(one, programs)
        if one.verdict.failed:
            ends.append(((one.point, one.stream), _logged_at(one, report)))
    known = frozenset().union(*programs.values())
    found = {}
    for connection, (program, address) in ends:
        said = programs.get(address, frozenset())
        program = program or (next(iter(said)) if len(said) == 1 else "")
        if program or (known and ENVOY not in known):
            found[connection] = program or NOBODY
    for effect, cause in cause_of.items():
        product = _own_answer(samples[effect])
        if product:
            found[samples[cause].point, samples[cause].stream] = product
            found |= {(one.point, one.stream): product for one in samples[effect].causes}
    return found


def _note_programs(one: Connection, programs: dict[str, frozenset[str]]) -> None:
    """Note from which address a program's own answers came."""
    for exchange in one.http.exchanges if one.http else ():
        if exchange.local_reply is not None and exchange.local_reply.product:
            address = exchange.made_by or one.responder.ip
            said = programs.get(address, frozenset())
            programs[address] = said | {exchange.local_reply.product}


def _logged_at(one: Connection, report: Report) -> tuple[str, str]:
    """Return the program that logs a failure (NOBODY, or nothing), and else where it stands."""
    by_client = one.initiator.role == "client" and not report.topology.assumed
    if by_client and not one.verdict.code.startswith(_ANSWERED):
        return NOBODY, ""
    return _own_answer(one), (one.responder if by_client else one.initiator).ip


def _own_answer(one: Connection) -> str:
    """Return the program that answered the failed request in its upstream's place."""
    exchange = failed_exchange(one)
    reply = exchange.local_reply if exchange is not None else None
    return reply.product if reply is not None else ""
