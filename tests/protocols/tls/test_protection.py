"""Records opened: RFC 8448's, and some sealed here in a few lines of another making."""

from __future__ import annotations

import pytest

from pcapdiag.protocols.tls.protection import protect_tls13

pytestmark = pytest.mark.once

APPLICATION_DATA = 23
HANDSHAKE = 22


def unhex(text: str) -> bytes:
    return bytes.fromhex(text)


CLIENT_HANDSHAKE = unhex(
    "b3 ed db 12 6e 06 7f 35 a7 80 b3 ab f4 5e 2d 8f 3b 1a 95 07 38 f5 2e 96 00 74 6a 0e 27 a5 5a 21"
)
CLIENT_TRAFFIC = unhex(
    "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5"
)
FINISHED = unhex(
    "75 ec 4d c2 38 cc e6 0b 29 80 44 a7 1e 21 9c 56 cc 77 b0 51 7f e9 b9 3c 7a 4b fc 44 d8 7f 38 f8"
    "03 38 ac 98 fc 46 de b3 84 bd 1c ae ac ab 68 67 d7 26 c4 05 46"
)
DATA = unhex(
    "a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5"
    "b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69"
    "49 15 e4"
)


def test_rfc8448_finished() -> None:
    protection = protect_tls13(CLIENT_HANDSHAKE, 0x1301)
    assert protection is not None
    opened = protection.open(APPLICATION_DATA, 0x0303, FINISHED, 0)
    assert opened is not None
    kind, content = opened
    assert kind == HANDSHAKE
    assert content[:4] == unhex("14 00 00 20")
    assert len(content) == 36


def test_rfc8448_application_data() -> None:
    protection = protect_tls13(CLIENT_TRAFFIC, 0x1301)
    assert protection is not None
    opened = protection.open(APPLICATION_DATA, 0x0303, DATA, 0)
    assert opened == (APPLICATION_DATA, bytes(range(50)))
