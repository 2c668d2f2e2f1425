"""Captured text, made harmless."""

from __future__ import annotations

import pytest

from pcapdiag.model.harmless import MAX_TEXT, command_word, harmless, is_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202ecod.exe", "\\u202ecod.exe"),
        ("a\u0301\u0301", "a\\u0301\\u0301"),
        ("a\u20dd", "a\\u20dd"),
        ("a\x7f", "a\\x7f"),
        ("\U000f0000", "\\U000f0000"),
        ("\U000e0041", "\\U000e0041"),
        ("\udcff", "\\udcff"),
        ("M\u00fcnchen \u6771\u4eac", "M\u00fcnchen \u6771\u4eac"),
    ],
)
def test_what_steers_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert harmless(text) == shown


def test_a_long_text_is_cut_and_counted() -> None:
    assert harmless("a" * (MAX_TEXT + 1234)).endswith("a... (1,234 more)")


@pytest.mark.parametrize("name", ["pay.internal", "10.0.0.1", "2001:db8::1", "a_b-c.d"])
def test_a_plain_name_may_be_in_a_command(name: str) -> None:
    assert command_word(name) == name


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "$(id)", "a;b", "-oProxyCommand", "a'b", "m\u00fc", "a\n"]
)
def test_any_other_name_is_never_in_a_command(name: str) -> None:
    assert command_word(name) is None


def test_text_is_printable_ascii_with_tabs_and_ends_of_lines() -> None:
    assert is_text(b" a~\t\r\n")
    for byte in (0x00, 0x1B, 0x1F, 0x7F, 0x80, 0xFF):
        assert not is_text(b"a" + bytes((byte,)))
