"""Wireshark as the oracle of what the reader says, in clear and with keys."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from pcapdiag.model.tls import TlsFacts
from pcapdiag.protocols.conversation import Conversation
from pcapdiag.protocols.tls.certificates import certificates_in
from pcapdiag.protocols.tls.reader import TlsReader
from tests.captures import CAPTURES, name_of
from tests.protocols.pieces import Connection, connections
from tests.protocols.tls.test_any_order import key_log

pytestmark = [pytest.mark.once, pytest.mark.needs(program="tshark")]

FIELDS = (
    "tcp.stream",
    "frame.number",
    "tls.handshake.type",
    "tls.handshake.extensions_server_name",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.ciphersuite",
    "tls.handshake.ja3",
    "tls.alert_message.desc",
    "x509ce.dNSName",
    "tls.record.content_type",
)
OTHERWISE = {
    "tls.alpn_mismatch-in-geneve": "the helper looks into no tunnel",
    "tls.alpn_mismatch-snaplen-128": "tshark gives up on a message that is cut",
    "tls.certificate_untrusted-snaplen-128": "tshark gives up on a message that is cut",
    "tls.certificate_untrusted-socks": "tshark counts a stream more behind each SOCKS tunnel",
    "healthy-socks": "the same, and one end of it is all SOCKS to the reader that is asked here",
}
PLAIN = [
    path
    for path in CAPTURES
    if path.parent.name.startswith(("tls.", "healthy-tls"))
    and path.parent.name not in OTHERWISE
    and "-keys" not in path.name
]
KEYED = [
    path
    for path in CAPTURES
    if (path.parent / "keylog.txt").exists() and path.parent.name not in OTHERWISE
]

Seen = dict[str, list[tuple[int, str]]]


def by_tshark(path: Path, *options: str) -> dict[int, Seen]:
    """Per stream and field, every value and its frame."""
    wanted = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-Y", "tls", "-T", "json", *wanted, *options]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    streams: dict[int, Seen] = defaultdict(lambda: defaultdict(list))
    for packet in json.loads(done.stdout):
        layers: dict[str, Any] = packet["_source"]["layers"]
        frame = int(layers["frame.number"][0])
        seen = streams[int(layers["tcp.stream"][0])]
        for field, values in layers.items():
            seen[field] += [(frame, value) for value in values]
    return streams


def read(connection: Connection, reader: TlsReader) -> TlsFacts:
    for piece in connection.pieces:
        reader.feed(piece)
    return reader.finish()


def overheard(connection: Connection) -> TlsFacts:
    """What TLS says, also where it begins within another protocol (STARTTLS and the like)."""
    conversation = Conversation()
    for piece in connection.pieces:
        conversation.feed(piece)
    return conversation.finish().tls or TlsFacts()


@pytest.mark.parametrize("path", PLAIN, ids=name_of)
def test_in_clear(path: Path) -> None:
    streams = by_tshark(path, "-o", "tls.keylog_file:")
    for stream, connection in enumerate(connections(path)):
        if stream in streams:
            facts = overheard(connection)
            same_hello(facts, streams[stream])
            same_messages(facts, streams[stream])


def same_hello(facts: TlsFacts, seen: Seen) -> None:
    hello = facts.client_hello
    if hello is None or not hello.complete or not seen["tls.handshake.ja3"]:
        assert not seen["tls.handshake.ja3"]
        return
    assert hello.ja3 == seen["tls.handshake.ja3"][0][1]
    names = seen["tls.handshake.extensions_server_name"]
    assert hello.sni == (names[0][1] if names else None)
    chosen = (facts.server_hello and facts.server_hello.alpn,)
    offered = [each for _, each in seen["tls.handshake.extensions_alpn_str"]]
    again = facts.second_hello.alpn if facts.second_hello else ()
    assert [*hello.alpn, *again, *filter(None, chosen)] == offered
    ciphers = [int(each, 16) for _, each in seen["tls.handshake.ciphersuite"]]
    ciphers = [each for each in ciphers if each & 0x0F0F != 0x0A0A]
    if facts.second_hello is None and facts.server_hello is not None:
        assert [*hello.ciphers, facts.server_hello.cipher] == ciphers


def same_messages(facts: TlsFacts, seen: Seen) -> None:
    kinds = sorted((frame, int(kind)) for frame, kind in seen["tls.handshake.type"])
    assert sorted((each.frame, each.type) for each in facts.messages) == kinds
    codes = [(frame, int(code)) for frame, code in seen["tls.alert_message.desc"]]
    assert [(each.frame, each.code) for each in facts.alerts if each.code is not None] == codes
    names = [name for _, name in seen["x509ce.dNSName"]]
    flights = filter(None, (facts.server_certificates, facts.client_certificates))
    found = [name for flight in flights for each in certificates_in(flight) for name in each.names]
    assert found == names


@pytest.mark.parametrize("path", KEYED, ids=name_of)
def test_with_keys(path: Path) -> None:
    streams = by_tshark(path, "-o", f"tls.keylog_file:{path.parent / 'keylog.txt'}")
    for stream, connection in enumerate(connections(path)):
        if stream in streams:
            keys = key_log(path)
            facts = read(connection, TlsReader(keys))
            if facts.client_hello and facts.server_hello:
                is_known = keys.find(facts.client_hello.random) is not None
                assert facts.key_state == ("decrypted" if is_known else "no secret")
            same_messages(facts, streams[stream])
