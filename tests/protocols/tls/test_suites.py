"""The table of cipher suites against Wireshark's names for the same numbers."""

from __future__ import annotations

import re
import subprocess

import pytest

from pcapdiag.protocols.tls.suites import TLS12, TLS13, Suite
from tests.protocols.tls import sealing

pytestmark = pytest.mark.once

NOT_REGISTERED = {0xC0FF, 0xCC13, 0xCC14, 0xCC15}
"""Of drafts: Wireshark knows them, IANA does not (registry as of 2025)."""

CIPHER = "AES_128|AES_256|CAMELLIA_128|CAMELLIA_256|SEED|IDEA|3DES_EDE"
NAME = re.compile(
    rf"TLS_(?:\w+_WITH_)?(?:({CIPHER})_(GCM|CCM_8|CCM|CBC)|(CHACHA20)_(POLY1305)|(NULL)(?=_[MS]))"
    r"(?:_(MD5|SHA256|SHA384|SHA))?"
)


def of_name(name: str) -> Suite | None:
    found = NAME.fullmatch(name)
    if not found or ("CAMELLIA" in name and "GCM" in name):
        return None
    cipher = found[1] or found[3] or found[5]
    mode = found[2] or found[4] or found[5]
    # NAME matches no other modes and hashes; types cannot tell.
    return Suite(cipher, mode, found[6] or "SHA256")  # type: ignore[arg-type]


@pytest.mark.needs(program="tshark")
def test_every_suite_of_these_kinds_is_there() -> None:
    values = subprocess.run(
        ["tshark", "-G", "values"], capture_output=True, check=True, text=True
    ).stdout
    expected: dict[int, Suite] = {}
    for line in values.splitlines():
        if line.startswith("V\ttls.handshake.ciphersuite\t"):
            number, name = line.split("\t")[2:]
            suite = of_name(name)
            if suite is not None and int(number, 0) not in NOT_REGISTERED:
                expected[int(number, 0)] = suite
    assert len(expected) > 200
    assert expected == {**TLS12, **TLS13}


def test_what_a_suite_says() -> None:
    ecdhe = TLS12[0xC030]
    assert (ecdhe.key_size, ecdhe.iv_size, ecdhe.prf_hash, ecdhe.is_aead) == (32, 4, "SHA384", True)
    rsa = TLS12[0x002F]
    assert (rsa.key_size, rsa.iv_size, rsa.prf_hash, rsa.is_aead) == (16, 16, "SHA256", False)


def test_records_of_every_kind_are_sealed_in_the_tests() -> None:
    numbers = [*sealing.AEAD, *sealing.BLOCK, *sealing.NULL]
    assert {TLS12[number] for number in numbers} == set(TLS12.values())
    assert list(sealing.TLS13) == list(TLS13)
