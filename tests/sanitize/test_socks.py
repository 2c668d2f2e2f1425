from __future__ import annotations

import pytest

from pcapdiag.sanitize.application.socks import rewrite_socks
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.conversation import KEY

pytestmark = pytest.mark.once


def rewritten(text: str) -> bytes:
    return rewrite_socks(bytes.fromhex(text), Renamer(KEY))


@pytest.mark.parametrize("text", ["05 02 00 01", "05 00", "05 ff", "01 00", "01 01"])
def test_what_says_nothing_of_anybody_stays(text: str) -> None:
    assert rewritten(text) == bytes.fromhex(text)


@pytest.mark.parametrize("text", ["05 01 00 01 0a000307 1f90", "05 05 00 01 0a000307 1f90"])
def test_an_address_is_renamed(text: str) -> None:
    data, new = bytes.fromhex(text), rewritten(text)
    assert new[:4] == data[:4]
    assert new[4:8] == Renamer(KEY).address(data[4:8]) != data[4:8]
    assert new[8:] == data[8:]


def test_names_are_renamed() -> None:
    name = b"shop.secret-corp.example".hex()
    image = Renamer(KEY).name(b"shop.secret-corp.example")
    assert rewritten(f"05 01 00 03 18 {name} 01bb") == b"\x05\1\0\3\x18" + image + b"\1\xbb"
    assert rewritten(f"04 01 01bb 00000001 6d65 00 {name} 00") == (
        b"\4\1\1\xbb\0\0\0\1xx\0" + image + b"\0"
    )


@pytest.mark.parametrize(
    ("name", "word"), [(b"alice", b"pw"), (b"al", b"pwice"), (b"", b"alicepw")]
)
def test_of_a_login_nothing_stays_not_even_where_it_ends(name: bytes, word: bytes) -> None:
    login = b"\1" + bytes([len(name)]) + name + bytes([len(word)]) + word
    assert rewrite_socks(login, Renamer(KEY)) == b"\1\6xxxxxx\1x"


@pytest.mark.parametrize(
    "text",
    [
        "05 02 00",  # Fewer methods than said.
        "05 02 41 42",  # No methods that anybody has.
        "05 41",
        "05 01 00 01 0a000307 1f90 00",
        "05 09 00 01 0a000307 1f90",
        "01 05 61",
        "04 01 1f90 0a000307 6d65",
        "00 5e 0000 00000000",
        "06 00",
        "05",
        "01",
        "04",
        "00",
        "",
    ],
)
def test_what_is_no_whole_message_is_none(text: str) -> None:
    assert rewritten(text) == b""
