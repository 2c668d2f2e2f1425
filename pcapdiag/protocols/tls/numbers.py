"""Numbers that TLS's readers go by: types of records and of handshake messages."""

from __future__ import annotations

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT = range(20, 25)
"""Types of records (RFC 8446 section 5.1, RFC 6520)."""
HEADER = 5
"""Bytes of a record's header."""
(
    HELLO_REQUEST,
    CLIENT_HELLO,
    SERVER_HELLO,
    NEW_SESSION_TICKET,
    END_OF_EARLY_DATA,
    ENCRYPTED_EXTENSIONS,
    CERTIFICATE,
    SERVER_KEY_EXCHANGE,
    CERTIFICATE_REQUEST,
    SERVER_HELLO_DONE,
    CERTIFICATE_VERIFY,
    FINISHED,
    CERTIFICATE_STATUS,
    KEY_UPDATE,
    COMPRESSED_CERTIFICATE,
) = (0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 20, 22, 24, 25)
"""Types of handshake messages (RFC 8446 section 4, RFC 5246 section 7.4, RFC 6066, RFC 8879)."""
CERTIFICATES = (CERTIFICATE, COMPRESSED_CERTIFICATE)
NAMED_CURVE = 3
"""The kind of group that a ServerKeyExchange names (RFC 8422 section 5.4)."""
