"""Names of link types as tcpdump and Wireshark's ``editcap -T`` users know them."""

from __future__ import annotations

# Numbers from the registry at https://www.tcpdump.org/linktypes.html and, where systems write the
# DLT number of their own (raw IP is 12 or 14 besides 101), that number too.
NAMES = {
    0: "NULL",
    1: "EN10MB",
    6: "IEEE802",
    8: "SLIP",
    9: "PPP",
    10: "FDDI",
    11: "ATM_RFC1483",
    12: "RAW",
    14: "RAW",
    50: "PPP_SERIAL",
    51: "PPP_ETHER",
    101: "RAW",
    100: "ATM_RFC1483",
    104: "C_HDLC",
    105: "IEEE802_11",
    107: "FRELAY",
    108: "LOOP",
    109: "ENC",
    113: "LINUX_SLL",
    117: "PFLOG",
    119: "PRISM_HEADER",
    122: "IP_OVER_FC",
    127: "IEEE802_11_RADIO",
    137: "JUNIPER_ATM1",
    149: "USER2 (PKTAP)",
    163: "IEEE802_11_RADIO_AVS",
    166: "PPP_PPPD",
    178: "JUNIPER_ETHER",
    179: "JUNIPER_PPP",
    187: "BLUETOOTH_HCI_H4",
    189: "USB_LINUX",
    192: "PPI",
    197: "ERF",
    201: "BLUETOOTH_HCI_H4_WITH_PHDR",
    204: "PPP_WITH_DIR",
    220: "USB_LINUX_MMAPPED",
    228: "IPV4",
    229: "IPV6",
    226: "IPNET",
    239: "NFLOG",
    242: "IPOIB",
    247: "INFINIBAND",
    249: "USBPCAP",
    251: "BLUETOOTH_LE_LL",
    252: "WIRESHARK_UPPER_PDU",
    253: "NETLINK",
    258: "PKTAP",
    271: "VSOCK",
    276: "LINUX_SLL2",
    281: "DSA_TAG_BRCM",
    282: "DSA_TAG_BRCM_PREPEND",
    284: "DSA_TAG_DSA",
    285: "DSA_TAG_EDSA",
}

READ = frozenset(
    (
        *(0, 1, 6, 8, 9, 10, 11, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 109, 113, 117, 119),
        *(127, 149, 163, 178, 192, 228, 229, 239, 242, 258, 276, 281, 282, 284, 285),
    )
)
"""Link types of which packets are decoded (decode/links.py)."""
FIREWALL_LOGS = frozenset((117, 239))
"""What a firewall's rules pick: often the first packet of a connection only (pf.conf's ``log``)."""


def name_of(link_type: int) -> str:
    """Return the link type's name, or ``LINKTYPE_<number>`` where it has none here."""
    return NAMES.get(link_type, f"LINKTYPE_{link_type}")
