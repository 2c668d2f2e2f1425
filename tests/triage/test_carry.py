"""What a file of a set leaves to the next one is the same again, whoever reads it."""

from __future__ import annotations

import msgspec

from pcapdiag.incident.carrying import Carry
from pcapdiag.triage.carry import packed, unpacked
from pcapdiag.triage.outcome import pack

CARRY = Carry(b"packets", 3, 180, 1, [[1, 2, 3]])


def test_it_is_the_same_again() -> None:
    assert unpacked(packed(CARRY)) == CARRY
    assert unpacked(packed(None)) is None


def test_what_another_version_left_is_nothing() -> None:
    other = msgspec.to_builtins(CARRY) | {"graves": [[1, 2, "SF"]]}
    assert unpacked(pack(msgspec.msgpack.encode(other))) is None
