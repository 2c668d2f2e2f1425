"""The columns of the tables: one list for what is written, and for what the docs say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "integer", "number", "flag", "time", "nanoseconds", "texts", "integers"]
"""In Parquet: string, int64, double, bool, timestamp in microseconds (UTC), int64, and lists."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type, where its value is, and what it means.

    ``source`` is a path of members of a line (docs/report.schema.json), ``[0]`` a list's first item
    and ``[-1]`` its last; ``#`` at its end counts a list. A value that is not there is null.
    """

    name: str
    kind: Kind
    source: str
    means: str


_CAPTURE = (
    Column("sha256", "text", "outcome.sha256", "of the capture's bytes; joins the tables"),
    Column("capture", "text", "outcome.names[0]", "the capture's path or URL"),
)


def _ends(name: str, member: str, means: str) -> tuple[Column, Column]:
    return (
        Column(f"{name}_initiator", "integer", f"connection.{member}.initiator", means),
        Column(f"{name}_responder", "integer", f"connection.{member}.responder", means),
    )


def _endpoint(end: str) -> tuple[Column, ...]:
    whose = f"the {end}'s"
    return (
        Column(f"{end}_ip", "text", f"connection.{end}.ip", f"{whose} address"),
        Column(f"{end}_port", "integer", f"connection.{end}.port", f"{whose} port"),
        Column(f"{end}_role", "text", f"connection.{end}.role", "client, proxy, upstream, unknown"),
        Column(f"{end}_name", "text", f"connection.{end}.name", f"{whose} name"),
    )


_WHO = "connection.verdict.attribution"
_LAST_CAUSE = "connection.causes[-1]"
_REQUEST = "request"
"""Of a connection, the exchange that its verdict names."""

CONNECTIONS = (
    *_CAPTURE,
    Column("stream", "integer", "connection.stream", "Wireshark's tcp.stream"),
    Column("id", "text", "connection.id", "the connection's id in the report"),
    Column("frame", "integer", "connection.first_frame", "its first frame in the capture"),
    Column("start_time", "time", "connection.start", "its first packet"),
    Column("start_ns", "nanoseconds", "connection.start", "the same to the nanosecond, epoch"),
    Column("end_time", "time", "connection.end", "its last packet"),
    Column("end_ns", "nanoseconds", "connection.end", "the same to the nanosecond, epoch"),
    *_endpoint("initiator"),
    *_endpoint("responder"),
    Column("leg", "text", "connection.leg", "downstream, upstream, between, direct, unknown"),
    Column("state", "text", "connection.state", "how far TCP got"),
    Column("failed", "flag", "connection.verdict.failed", "whether it failed"),
    Column("code", "text", "connection.verdict.code", "what happened: the verdict's code"),
    Column("phase", "text", "connection.verdict.phase", "at which step"),
    Column("title", "text", "connection.verdict.title", "what happened, in words"),
    Column("explanation", "text", "connection.verdict.explanation", "the same at length"),
    Column("confidence", "number", "connection.verdict.confidence", "of the code, 0 to 1"),
    Column("side", "text", f"{_WHO}.side", "who did it: initiator, responder, path, unknown"),
    Column("party", "text", f"{_WHO}.party", "client, proxy, upstream, middlebox, unknown"),
    Column("address", "text", f"{_WHO}.address", "the culprit's address"),
    Column("who_confidence", "number", f"{_WHO}.confidence", "of who did it, 0 to 1"),
    Column("ended_by", "text", "connection.verdict.ended_by", "who ended it"),
    Column("times", "integer", "connection.verdict.count", "equal failures on this connection"),
    Column("other_codes", "texts", "connection.other_failures[].code", "what else failed on it"),
    Column("fixes", "texts", "connection.verdict.fixes", "what to change, in the order to try"),
    Column("fix_at", "texts", "connection.verdict.fix_at", "where to change it"),
    Column("frames", "integers", "connection.verdict.frames", "the frames that show it"),
    Column("envoy_flag", "text", "connection.verdict.envoy.flag", "Envoy's response flag"),
    Column(
        "envoy_reset_reason", "text", "connection.verdict.envoy.reset_reason", "and reset reason"
    ),
    Column("caused_by", "integer", "connection.caused_by", "the stream that made it fail"),
    Column("cause_code", "text", f"{_LAST_CAUSE}.code", "what happened there"),
    Column("cause_endpoint", "text", f"{_LAST_CAUSE}.endpoint", "whom that one called"),
    Column("same_as", "integer", "connection.same_as", "same connection before NAT: counts there"),
    Column("sni", "text", "connection.tls.client_hello.sni", "server name asked for in TLS"),
    Column("tls_version", "text", "connection.tls.server_hello.version", "TLS version chosen"),
    Column("requests", "integer", "connection.http.requests", "HTTP requests seen"),
    Column("request_method", "text", f"{_REQUEST}.method", "of the request that failed"),
    Column("request_target", "text", f"{_REQUEST}.target", "its target, values masked"),
    Column("request_host", "text", f"{_REQUEST}.host", "its host"),
    Column("response_status", "integer", f"{_REQUEST}.status", "the answer's status"),
    Column("grpc_status", "text", f"{_REQUEST}.grpc.name", "gRPC's status"),
    Column("handshake_rtt", "number", "connection.handshake_rtt", "seconds"),
    *_ends("packets", "packets", "packets sent"),
    *_ends("bytes", "bytes", "payload sent, bytes"),
    *_ends("retransmissions", "retransmissions", "segments sent again"),
    *_ends("out_of_order", "out_of_order", "segments that came out of order"),
    *_ends("duplicate_acks", "duplicate_acks", "duplicate acknowledgments sent"),
    *_ends("zero_windows", "zero_windows", "times it had no room"),
    Column("resets", "integer", "connection.resets#", "RST segments"),
    Column("findings", "integers", "connection.findings", "`number` of findings that name it"),
)

FINDINGS = (
    *_CAPTURE,
    Column("number", "integer", "number", "its place in the capture's findings, from 0"),
    Column("code", "text", "finding.code", "what was found"),
    Column("severity", "text", "finding.severity", "info, warning or failure"),
    Column("title", "text", "finding.title", "what was found, in words"),
    Column("detail", "text", "finding.detail", "the numbers of it"),
    Column("explanation", "text", "finding.explanation", "what it means"),
    Column("endpoint", "text", "finding.endpoint", "the endpoint that it is about"),
    Column("addresses", "texts", "finding.addresses", "addresses that it is about"),
    Column("streams", "integers", "finding.streams", "some of its connections"),
    Column("frames", "integers", "finding.frames", "the frames that show it"),
    Column("first_time", "time", "finding.first", "since when"),
    Column("last_time", "time", "finding.last", "until when"),
    Column("times", "integer", "finding.count", "how often"),
    Column("fixes", "texts", "finding.fixes", "what to change, in the order to try"),
)

# ``input`` is the report's ``capture``.
_COUNTS = "input.counts"

CAPTURES = (
    *_CAPTURE,
    Column("names", "texts", "outcome.names", "all places at which this content was found"),
    Column("status", "text", "outcome.status", "examined, error, timeout, memory or crash"),
    Column("reason", "text", "outcome.reason", "why it was not examined"),
    Column("version", "text", "version", "of pcapdiag, by which it was examined"),
    Column("options", "text", "options", "fingerprint of the options"),
    Column("connections", "integer", "outcome.connections", "TCP connections, healthy ones too"),
    Column("failed", "integer", "outcome.failed", "connections that failed"),
    Column("failed_requests", "integer", "outcome.failed_requests", "requests that failed"),
    Column("findings", "integer", "findings.all", "findings"),
    Column("findings_failure", "integer", "findings.failure", "those that are failures"),
    Column("findings_warning", "integer", "findings.warning", "and those that warn"),
    Column("packets", "integer", "input.packets", "packets"),
    Column("bytes", "integer", "input.bytes", "their original lengths"),
    Column("first_time", "time", "input.first_time", "the first packet"),
    Column("last_time", "time", "input.last_time", "the last packet"),
    Column("first_time_ns", "nanoseconds", "input.first_time", "to the nanosecond, epoch"),
    Column("last_time_ns", "nanoseconds", "input.last_time", "to the nanosecond, epoch"),
    Column("complete", "flag", "input.complete", "false where a file was damaged"),
    Column("damage", "text", "input.files[-1].error.message", "what was wrong with the last file"),
    Column("files", "integer", "input.files#", "files that were read as one"),
    Column("carried", "integer", "outcome.carried", "packets of earlier files, before frame 1"),
    Column("size", "integer", "size", "their bytes as stored"),
    Column("format", "text", "input.files[0].format", "pcap or pcapng"),
    Column("compression", "text", "input.files[0].compression", "gzip, zstd, lz4 or xz"),
    Column("link_types", "texts", "input.link_types", "link types"),
    Column("vantage", "text", "input.vantage", "where it was captured"),
    Column("truncated_packets", "integer", "input.truncated_packets", "cut by the snap length"),
    Column("duplicate_packets", "integer", "input.duplicate_packets", "captured twice"),
    Column("undecoded_packets", "integer", "input.undecoded_packets", "not understood"),
    Column("lost_by_capture", "integer", f"{_COUNTS}.lost_by_capture", "missing, though received"),
    Column("dropped_by_kernel", "integer", f"{_COUNTS}.dropped_by_kernel", "as the file says"),
    Column("midstream", "integer", f"{_COUNTS}.midstream", "connections begun before the capture"),
    Column("one_direction", "integer", f"{_COUNTS}.one_direction", "seen in one direction only"),
    Column("evicted", "integer", f"{_COUNTS}.evicted", "judged early, for want of room"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "captures": CAPTURES,
    "connections": CONNECTIONS,
    "findings": FINDINGS,
}
