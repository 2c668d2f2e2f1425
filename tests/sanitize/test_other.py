"""Protocols that are no TLS and no HTTP: overwritten, but what tells them and their farewells."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.goodbye import QUITS
from pcapdiag.diagnose.speech import Said, said
from tests.sanitize.conversation import cut, in_order, replaced

pytestmark = pytest.mark.once

HELLO = b"\x16\x03\x01\x00\x31\x01\x00\x00\x2d\x03\x03" + bytes(range(100, 132)) + b"\0" * 11


def test_smtp_until_tls_begins() -> None:
    parts = [
        (False, b"220 mail.acmecorp.internal ESMTP Postfix\r\n"),
        (True, b"EHLO laptop-jane.acmecorp.internal\r\n"),
        (False, b"250-mail.acmecorp.internal\r\n250-SIZE 10240000\r\n250 STARTTLS\r\n"),
        (True, b"STARTTLS\r\n"),
        (False, b"220 2.0.0 Ready to start TLS\r\n"),
        (True, HELLO),
    ]
    new = replaced(in_order(parts))
    assert new[0].startswith(b"220 ")
    assert new[0].endswith(b" ESMTP Postfix\r\n")
    assert new[1].startswith(b"EHLO ")
    assert b"250 STARTTLS\r\n" in new[2]
    assert new[3:5] == [parts[3][1], parts[4][1]]
    assert new[5][:11] == HELLO[:11]
    assert b"acmecorp" not in b"".join(new)
    assert b"jane" not in b"".join(new)


def test_databases_that_ask_for_tls() -> None:
    ask = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
    new = replaced(in_order([(True, ask), (False, b"S"), (True, HELLO)]))
    assert new[:2] == [ask, b"S"]
    assert new[2][:11] == HELLO[:11]
    greeting = b"\x4a\x00\x00\x00\x0a8.0.36-acmecorp\x00" + bytes(range(40))
    new = replaced(in_order([(False, greeting), (True, b"\x20\0\0\1" + bytes(32)), (True, HELLO)]))
    assert new[0][:5] == greeting[:5]
    assert b"acmecorp" not in new[0]
    assert new[1] == b"\x20\0\0\1" + bytes(32)


def test_ldap() -> None:
    ask = b"0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037"
    answer = b"0\x0c\x02\x01\x01x\x07\x0a\x01\x00\x04\x00\x04\x00"
    new = replaced(in_order([(True, ask), (False, answer), (True, HELLO)]))
    assert new[0] == ask
    assert new[1][:6] == answer[:6]
    assert new[2][:11] == HELLO[:11]


@pytest.mark.parametrize("farewell", [*QUITS, b"QUIT\r\n", b"0\x05\x02\x01\x03B\x00"])
def test_farewells_stay(farewell: bytes) -> None:
    parts = in_order([(True, b"\x07acme-binary"), (False, b"\x07answer"), (True, farewell)])
    assert replaced(parts)[2] == farewell


def test_text_stays_text_and_binary_stays_binary() -> None:
    line = b"SET customer:jane.doe bluebird-44\r\n"
    new = replaced([(True, 0, line)])[0]
    assert said(new) is Said.TEXT
    assert new.startswith(b"SET ")
    assert new.endswith(b"\r\n")
    assert b"jane" not in new
    assert b"bluebird" not in new
    binary = b"\x00\x00\x01acme-secret" + bytes(range(30))
    new = replaced([(True, 0, binary)])[0]
    assert said(new) is Said.OTHER
    assert b"acme" not in new


def test_what_somebody_types_is_overwritten() -> None:
    password = b"geheim7"
    parts = in_order([(False, b"Password: "), *((True, bytes([one])) for one in password)])
    assert b"".join(replaced(parts)[1:]) == b"x" * len(password)


def test_behind_the_first_lines_no_word_stays() -> None:
    mail = b"Dear user, the server error is here\r\n" * 40
    new = b"".join(replaced(cut(b"EHLO a\r\n" + mail, 100)))
    assert b"server error" not in new[600:]


def test_a_key_of_a_cancel_request_is_overwritten() -> None:
    cancel = b"\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x12\x34\xde\xad\xbe\xef"
    new = replaced([(True, 0, cancel)])[0]
    assert new[:8] == cancel[:8]
    assert b"\xde\xad" not in new


def test_a_page_without_a_status_line_is_still_told_as_one() -> None:
    page = b"<!DOCTYPE HTML>\n<html lang='en'>\n<title>Error response for acmecorp</title>\n"
    new = replaced([(False, 0, page + b"Bad request syntax (\x16\x03\x01)\n")])[0]
    assert said(new) is Said.HTML
    assert b"Error response for xxxxxxxx" in new
    assert b"\x16" not in new
