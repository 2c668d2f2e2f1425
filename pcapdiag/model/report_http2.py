"""The report's HTTP/2 member: what belongs to the connection, or ended a stream."""

import msgspec

from pcapdiag.model.ends import End


class Http2Reset(msgspec.Struct, kw_only=True):
    """A RST_STREAM frame."""

    frame: int
    time: str
    from_: End = msgspec.field(name="from")
    stream_id: int
    error_code: int
    error_name: str


class Http2GoAway(msgspec.Struct, kw_only=True):
    """A GOAWAY frame; ``debug`` is its text, which a stranger wrote."""

    frame: int
    time: str
    from_: End = msgspec.field(name="from")
    last_stream_id: int
    error_code: int
    error_name: str
    debug: str


class Http2(msgspec.Struct, kw_only=True):
    """Resets of streams and announced ends; ``streams`` counts all streams of the initiator."""

    rst_stream: list[Http2Reset] = []
    goaway: list[Http2GoAway] = []
    streams: int = 0
