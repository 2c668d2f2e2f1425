"""The stored captures, and ways to damage one."""

from __future__ import annotations

import random
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
CAPTURES = sorted(path for path in FIXTURES.rglob("*") if {".pcap", ".pcapng"} & set(path.suffixes))
assert CAPTURES, "no captures in fixtures/"


def name_of(path: Path) -> str:
    """A short name for a test's id."""
    return path.relative_to(FIXTURES).as_posix()


def stored(pattern: str) -> list[str]:
    """Stored captures as they are named below ``pcaps``; there must be some."""
    pcaps = FIXTURES / "pcaps"
    found = sorted(str(path.relative_to(pcaps)) for path in pcaps.glob(pattern))
    assert found, pattern
    return found


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut, flip, blow up, repeat or take out bytes at random places; headers more often."""
    broken = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        if not broken:
            break
        at = chance.randrange(chance.choice((len(broken), min(len(broken), 200))))
        kind = chance.randrange(5)
        if kind == 0:
            broken[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            broken[at : at + 4] = chance.choice(
                (b"\xff\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f")
            )
        elif kind == 2:
            del broken[at : at + chance.randrange(1, 40)]
        elif kind == 3:
            broken[at:at] = broken[at : at + chance.randrange(1, 200)]
        else:
            broken[at] = chance.randrange(256)
    if chance.random() < 0.3:
        del broken[chance.randrange(len(broken) + 1) :]
    return bytes(broken)
