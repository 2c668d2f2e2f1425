"""HTTP/2 header blocks: put together from their frames and decoded with bounds (RFC 7541)."""

from __future__ import annotations

from pcapdiag.protocols.http.frames import DEFAULT_FRAME_SIZE
from pcapdiag.protocols.http.heads import Fields
from pcapdiag.protocols.packet_buffer import Moment

MAX_BLOCK = 256 * 1024
"""Bytes of a header block, all CONTINUATION frames together."""
MAX_LIST = 512 * 1024
"""Bytes that a block may decode to, counted as RFC 9113 section 10.5.1 does (32 more a field)."""
MAX_TABLE = 64 * 1024
"""Bytes of the dynamic table that a sender may ask for; browsers and Go ask for as much."""
MAX_LOOKED_UP = 100
"""Fields of a block that are looked up here: they fit a list, whatever a table of 4 kB holds."""
_SHORT_INDICES = bytes(range(0x81, 0xFF))
"""Octets that are a whole field: its index in the tables (RFC 7541 section 6.1)."""
NEW_NAME = b"\0"
"""First octet of a field that stands in no table and is not added to one (6.2.2)."""
_SIZE_UPDATE = b"\x20", b"\x40"
"""A change of the table's size begins with an octet from the first to before the second (6.3)."""


class HeaderBlocks:
    """Follows the header compression of one end. Once it is lost it stays lost."""

    def __init__(self) -> None:
        # Imported here: most captures have no HTTP/2, and start-up counts.
        import hpack

        self.lost = False
        """State is missing: nothing can be decoded any more."""
        self.problem = ""
        """A block could not be decoded although none was missed."""
        self.stream_id = 0
        """Of the block that is not complete; 0 without one."""
        self.flags = 0
        self.first = Moment(0, 0)
        self.is_promise = False
        self._block = bytearray()
        self._too_long = False
        self._error = hpack.HPACKError
        self._decoder = hpack.Decoder(max_header_list_size=MAX_LIST)
        self._decoder.max_allowed_table_size = MAX_TABLE

    @property
    def is_between(self) -> bool:
        """Whether no block is open, and the table is of common size."""
        table = self._decoder.header_table
        return not self.stream_id and table.maxsize <= table.DEFAULT_SIZE

    def entries(self) -> list[tuple[bytes, bytes]]:
        """Return the dynamic table's names and values, the oldest one first."""
        return list(reversed(self._decoder.header_table.dynamic_entries))

    def add_entries(self, entries: list[tuple[bytes, bytes]]) -> None:
        """Add names and values to the dynamic table, literal strings as blocks have them.

        That is what blocks did which were passed over.
        """
        from pcapdiag.protocols.http.field_kinds import decoded  # Only here: most need it never.

        try:
            for name, content in entries:
                self._decoder.header_table.add(decoded(name), decoded(content))
        except self._error as error:
            self._break(error)

    def begin(self, stream_id: int, flags: int, first: Moment, is_promise: bool) -> None:
        """Begin a block with HEADERS or PUSH_PROMISE."""
        self.stream_id, self.flags, self.first = stream_id, flags, first
        self.is_promise = is_promise
        self._block.clear()
        self._too_long = False

    def add(self, fragment: bytes) -> None:
        """Take the next fragment."""
        self._too_long = self._too_long or len(self._block) + len(fragment) > MAX_BLOCK
        if not self._too_long:
            self._block += fragment

    def end(self) -> Fields | None:
        """Decode the block; None where that cannot be done."""
        self.stream_id = 0
        block = bytes(self._block)
        self._block.clear()
        if self._too_long:
            self.lost = True
        if self.lost:
            return None
        try:
            return self._decode(block)
        except self._error as error:
            self._break(error)
            return None

    def _break(self, error: Exception) -> None:
        self.lost = True
        self.problem = f"a header block that cannot be decoded ({type(error).__name__})"

    def _decode(self, block: bytes) -> Fields:
        if block[:1] == NEW_NAME and len(block) <= DEFAULT_FRAME_SIZE:
            # All blocks are like that which were skimmed over at first.
            from pcapdiag.protocols.http.field_kinds import literal_fields

            literal = literal_fields(block)
            if literal is not None:
                return literal
        # Most blocks begin with many fields that are only looked up, or are nothing else.
        others = block.lstrip(_SHORT_INDICES)
        table = self._decoder.header_table
        short = len(block) - len(others)
        is_long = short > MAX_LOOKED_UP or table.maxsize > table.DEFAULT_SIZE
        if is_long or _SIZE_UPDATE[0] <= others[:1] < _SIZE_UPDATE[1]:
            # The library keeps the limit of a list, and knows where a size may change.
            short, others = 0, block
        fields = [table.get_by_index(octet & 0x7F) for octet in block[:short]]
        if others:
            decoded = self._decoder.decode(others, raw=True)
            fields += [(bytes(name), bytes(content)) for name, content in decoded]
        return fields
