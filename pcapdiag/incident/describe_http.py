"""A connection's HTTP as the report shows it: the failed requests and their neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from pcapdiag.diagnose.http.reply import product_name
from pcapdiag.diagnose.http.words import quoted, request_words, status_words
from pcapdiag.model.http import Exchange, GrpcFacts, HttpFacts, LocalReply
from pcapdiag.model.report_http import GrpcCall, Http, HttpExchange, LocalReplyFacts
from pcapdiag.model.units import format_known, in_seconds
from pcapdiag.protocols.http.grpc import status_name

MAX_LISTED = 100
"""Exchanges of one connection in the report."""
SERVER_ERROR = 500


def describe_http(facts: HttpFacts, failed: AbstractSet[int | None] | None, responder: str) -> Http:
    """Return the connection's requests: those in ``failed`` and their neighbours; None: the first.

    ``failed`` holds ``Exchange.index``; ``responder`` is the address that made a proxy's reply
    which was not handed on.
    """
    chosen = facts.exchanges if failed is None else _with_neighbours(facts.exchanges, failed)
    repeated = _repeated(facts.exchanges)
    return Http(
        requests=facts.requests,
        exchanges=[
            _exchange(one, responder, repeated.get(one.index)) for one in chosen[:MAX_LISTED]
        ],
    )


def _maker(reply: LocalReply) -> str:
    product = product_name(reply)
    return f" ({product}'s own)" if product else " (its own)"


def http_labels(facts: HttpFacts) -> Iterator[tuple[int, str]]:
    """Yield in which frame each request and answer began, and a gRPC status came, in words."""
    for one in facts.exchanges:
        if one.request_frame is not None:
            yield one.request_frame, request_words(one)
        if one.response_frame is not None and one.status is not None:
            reply = one.local_reply
            maker = _maker(reply) if reply and not reply.handed_on else ""
            yield one.response_frame, (f"{one.status}{maker}" if maker else status_words(one))
        if one.grpc is not None and one.grpc.status is not None:
            frame = one.response_end_frame or one.response_frame
            if frame is not None:
                yield frame, _grpc_words(one.grpc, one.grpc.status)


def _grpc_words(grpc: GrpcFacts, status: int) -> str:
    words = f"grpc-status {status} {status_name(status)}"
    return f"{words}: {quoted(grpc.message)}" if grpc.message else words


def _with_neighbours(exchanges: list[Exchange], failed: AbstractSet[int | None]) -> list[Exchange]:
    """Return the failed ones, each with the one before and after it; without any, the last."""
    wanted = {index + step for index in failed if index is not None for step in (-1, 0, 1)}
    chosen = [one for one in exchanges if one.index in wanted]
    if len(chosen) > MAX_LISTED:
        chosen = [one for one in chosen if one.index in failed]
    return chosen or exchanges[-1:]


def _repeated(exchanges: list[Exchange]) -> dict[int, int]:
    """Return which request repeats which failed one, by index: a retry keeps its x-request-id."""
    last: dict[tuple[str | None, ...], Exchange] = {}
    found = {}
    for one in exchanges:
        if one.request_id:
            same = one.request_id, one.method, one.target, one.host
            before = last.get(same)
            if before is not None and not _succeeded(before):
                found[one.index] = before.index
            last[same] = one
    return found


def _succeeded(one: Exchange) -> bool:
    if one.grpc is not None and one.grpc.status is not None:
        return one.grpc.status == 0
    return one.complete and one.status is not None and one.status < SERVER_ERROR


def _exchange(one: Exchange, responder: str, retry_of: int | None) -> HttpExchange:
    reply = one.local_reply
    made_here = reply is not None and not reply.handed_on
    return HttpExchange(
        index=one.index,
        stream_id=one.stream_id,
        method=one.method,
        target=one.target,
        host=one.host,
        request_frame=one.request_frame,
        request_time=format_known(one.request_time),
        status=one.status,
        response_frame=one.response_frame,
        length=one.length,
        complete=one.complete,
        ended_by=one.ended_by,
        retry_of=retry_of,
        request_id=one.request_id,
        local_reply=LocalReplyFacts(
            product=reply.product, reason=reply.reason, details=reply.details
        )
        if reply
        else None,
        grpc=_grpc(one.grpc) if one.grpc else None,
        made_by=responder if made_here else None,
    )


def _grpc(grpc: GrpcFacts) -> GrpcCall:
    return GrpcCall(
        service=grpc.service,
        status=grpc.status,
        name=None if grpc.status is None else status_name(grpc.status),
        message=grpc.message,
        timeout=in_seconds(grpc.timeout),
    )
