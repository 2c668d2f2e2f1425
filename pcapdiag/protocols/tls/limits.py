"""How much of one TLS connection is read and kept; what is beyond is counted or said."""

from __future__ import annotations

MAX_RECORD = (1 << 14) + 2048
"""Bytes of a record after its header (RFC 5246 section 6.2.3; TLS 1.3 allows 256 over 2^14)."""
MAX_MESSAGE = 256 * 1024
"""Bytes of a handshake message that are held back until it is complete; none longer is read."""
FIRST_RECORDS = 64
"""Records of a connection that are kept from its start."""
LAST_RECORDS = 16
"""Records that are kept before its end."""
MAX_MESSAGES = 64
"""Handshake messages that are kept of each end."""
MAX_ALERTS = 16
"""Alerts that are kept of each end."""
MAX_CERTIFICATES = 10
"""Certificates of a message that are read; further ones are counted."""
MAX_CERTIFICATE_NAMES = 100
"""Names of a certificate that are kept."""
MAX_TEXT = 256
"""Characters of a name that are kept."""
MAX_LIST = 512
"""Numbers, names or extensions of one list in a hello that are kept."""
MAX_HELD = 4096
"""Records that wait for the other end's hello; then they are read without it."""
MAX_HELD_BYTES = 1024 * 1024
"""Bytes in them."""
MAX_LOST_RECORDS = 256
"""Sequence numbers that are tried behind a hole."""
MAX_FALSE_STARTS = 64
"""Times that what looked like a record behind a hole may turn out to be none."""
MAX_FAILURES = 16
"""Records in a row that do not open; then this end is read as without keys."""
WRONG_AFTER = 3
"""As many are enough at the start, where no early data explains them."""
