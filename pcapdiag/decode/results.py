"""What the readers of layers return beside EtherTypes, and what they recognise and do not read."""

NOTHING = -1000
"""Nothing that is read follows: what decode() returns as OTHER."""
CUT = -1006
"""The header is not whole, or is none: UNDECODED."""

ENCRYPTED_WIFI = 0
PARTS_OF_WIFI = 1
DAMAGED_WIFI = 2
ESP = 3
WIREGUARD = 4
MACSEC = 5
DTLS_CAPWAP = 6
PARTS_OF_CAPWAP = 7
PPTP = 8
L2TPV3 = 9
UNREAD = (
    "Wi-Fi frames that are encrypted (airdecap-ng decrypts them with the network's password)",
    "Wi-Fi frames with parts of packets, or several (fragments, A-MSDU)",
    "Wi-Fi frames that arrived damaged (bad FCS)",
    "IPsec ESP, which is encrypted",
    "WireGuard, which is encrypted",
    "MACsec, which is encrypted",
    "CAPWAP, which is encrypted (DTLS)",
    "CAPWAP with parts of frames",
    "PPTP (enhanced GRE), which is not read",
    "L2TPv3, which is not read",
)
"""What is recognised and not looked into, by the numbers above."""
