"""Names of link types as tcpdump and Wireshark's ``editcap -T`` users know them."""

from __future__ import annotations

# Numbers from the registry at https://www.tcpdump.org/linktypes.html and, where systems write the
# DLT number of their own (raw IP is 12 or 14 besides 101), that number too.
NAMES = {
    0: "NULL",
    1: "EN10MB",
    9: "PPP",
    12: "RAW",
    14: "RAW",
    50: "PPP_SERIAL",
    51: "PPP_ETHER",
    101: "RAW",
    104: "C_HDLC",
    105: "IEEE802_11",
    107: "FRELAY",
    108: "LOOP",
    113: "LINUX_SLL",
    117: "PFLOG",
    119: "PRISM_HEADER",
    127: "IEEE802_11_RADIO",
    166: "PPP_PPPD",
    189: "USB_LINUX",
    192: "PPI",
    220: "USB_LINUX_MMAPPED",
    228: "IPV4",
    229: "IPV6",
    239: "NFLOG",
    249: "USBPCAP",
    251: "BLUETOOTH_LE_LL",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    276: "LINUX_SLL2",
}

READ = frozenset((0, 1, 9, 12, 14, 50, 51, 101, 108, 113, 228, 229, 239, 276))
"""Link types of which packets are decoded (decode/headers.py)."""


def name_of(link_type: int) -> str:
    """Return the link type's name, or ``LINKTYPE_<number>`` where it has none here."""
    return NAMES.get(link_type, f"LINKTYPE_{link_type}")
