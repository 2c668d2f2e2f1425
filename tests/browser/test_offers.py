"""Both sides of a TLS handshake in a browser: what both have, what does not fit, and until when."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.stage import connection, drawn

pytestmark = [pytest.mark.once, pytest.mark.needs(program="chromium")]


@pytest.mark.parametrize(
    ("scenario", "row"),
    [
        ("tls.no_shared_cipher-tls12", "ciphers"),
        ("tls.no_shared_cipher-signature", "signature_algorithms"),
        ("tls.alpn_mismatch-node-h2-only", "alpn"),
        ("tls.version_mismatch-nginx", "versions"),
        ("tls.sni_rejected-nginx", "sni"),
        ("tls.certificate_name_mismatch-curl", "sni"),
    ],
)
def test_the_row_that_does_not_fit_is_marked(browser: Browser, scenario: str, row: str) -> None:
    told = connection(scenario)
    hello = told["tls"]["client_hello"]
    with drawn(browser, "offers", told) as page:
        wrong = page.locator("tr.is-mismatch")
        expect(wrong).to_have_attribute("data-row", row)
        expect(wrong).to_contain_text("does not fit")
        offered = wrong.locator("td").first.locator("li").all_inner_texts()
        assert offered == (hello[row] if row != "sni" else [hello["sni"]])


def test_what_both_have_stands_first_on_both_sides(browser: Browser) -> None:
    told = connection("tls.certificate_expired-curl")
    with drawn(browser, "offers", told) as page:
        chosen = told["tls"]["server_hello"]["cipher"]
        sides = page.locator("tr[data-row=ciphers] td")
        for side in (0, 1):
            expect(sides.nth(side).locator("li").first).to_have_text(f"\u2713\u00a0{chosen}")
        sides.first.locator("summary").click()
        every = sides.first.locator("li").all_inner_texts()
        assert len(every) == len(told["tls"]["client_hello"]["ciphers"])
        expect(page.locator(".certificates")).to_contain_text("expired 10 days before")


def test_a_refusal_says_what_no_packet_tells(browser: Browser) -> None:
    with drawn(browser, "offers", connection("tls.alpn_mismatch-node-h2-only")) as page:
        refusal = page.locator("td.refusal")
        expect(refusal).to_contain_text("no_application_protocol (120), frame 8")
        expect(refusal).to_contain_text("in no packet")
        expect(refusal.locator("[data-frames]")).to_have_attribute("data-frames", "8")


def test_hostile_names_are_shown_as_text(browser: Browser) -> None:
    attack = "<img src=x onerror=window.hit=1>\u202e"
    told = connection("tls.certificate_expired-curl")
    told["tls"]["client_hello"].update(sni=attack + "x" * 1_000_000, alpn=[attack])
    told["tls"]["certificates"][0].update(subject=attack, issuer=attack, names=[attack] * 500)
    with drawn(browser, "offers", told, width=390) as page:
        assert page.evaluate("window.hit") is None
        assert page.locator("#figure img").count() == 0
        expect(page.locator("tr[data-row=alpn]")).to_contain_text("onerror=window.hit=1>\\u202e")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
