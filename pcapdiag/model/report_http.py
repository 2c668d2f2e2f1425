"""The report's HTTP members: the requests of a connection, as the JSON shows them."""

import msgspec

from pcapdiag.model.ends import Actor


class LocalReplyFacts(msgspec.Struct, kw_only=True):
    """A proxy's own answer: whose, and its words."""

    product: str
    reason: str | None = None
    details: str | None = None


class GrpcCall(msgspec.Struct, kw_only=True):
    """What makes an exchange a gRPC call; ``timeout`` in seconds."""

    service: str | None = None
    status: int | None = None
    name: str | None = None
    message: str | None = None
    timeout: float | None = None


class HttpExchange(msgspec.Struct, kw_only=True):
    """One request and its answer.

    ``made_by`` is the address of the proxy that made a local reply; None where it was only handed
    on by this leg's responder and the maker is not in the capture. ``retry_of`` is the ``index`` of
    the failed request that this one repeats, known by its x-request-id.
    """

    index: int
    stream_id: int | None = None
    method: str | None = None
    target: str | None = None
    host: str | None = None
    request_frame: int | None = None
    request_time: str | None = None
    status: int | None = None
    response_frame: int | None = None
    length: int | None = None
    complete: bool = False
    ended_by: Actor | None = None
    retry_of: int | None = None
    request_id: str | None = None
    local_reply: LocalReplyFacts | None = None
    grpc: GrpcCall | None = None
    made_by: str | None = None


class Http(msgspec.Struct, kw_only=True):
    """The requests of a connection: how many, and some of them."""

    requests: int = 0
    exchanges: list[HttpExchange] = []
