"""Anybody: a hosting provider, another team, the vendor of a device."""

from pcapdiag.bundle.vendors.vendor import Vendor

GENERIC = Vendor(
    name="generic",
    reader="whoever looks into it",
    fill_in=(
        ("Reference", "your ticket's number, and whom to ask back"),
        ("Service and environment", "what fails for whom, and since when"),
        ("Where it was captured", "host, interface, and what is between it and the other end"),
        ("Original addresses", "of the table above, told on another way than this file"),
        ("What was changed last", "deployment, configuration, certificate, firewall rule"),
    ),
)
