import cython

from pcapdiag.capture.packet_options cimport PacketOptions
from pcapdiag.capture.window cimport Columns
from pcapdiag.model.numbers cimport big32, little32

cdef long long SECOND, LATEST, _MAX_PACKET, _MORE, _FULL, _BAD
cdef long long MULTIPLY, DIVIDE, SHIFT, SHIFT_BITS
cdef long long ENHANCED_PACKET, SIMPLE_PACKET, OLD_PACKET, DROPS_NOT_SAID

cdef class Walker:
    cdef public bint big_endian
    cdef public long long record_header, unit, interface
    cdef public long long frames, packets, wire_bytes, truncated, untimed
    cdef public long long earliest, latest, time
    cdef public long long position, needed, filled, claimed
    cdef public str problem
    cdef public PacketOptions options
    cdef public long long interfaces
    cdef public object numbers, kinds, factors, offsets, snaplens

    cpdef int walk_pcap(self, long long start, long long end, object batch) except -1
    @cython.locals(
        data="unsigned char[::1]",
        offsets="long long[::1]", times="long long[::1]", captures="long long[::1]",
        lengths="long long[::1]", interfaces="long long[::1]", frames="long long[::1]",
        n="long long", header="long long", unit="long long", number="long long", big="bint",
        frame="long long", most="long long", truncated="long long", total="long long",
        earliest="long long", latest="long long", time="long long", pos="long long",
        status="long long", captured="long long", seconds="long long", fraction="long long",
        length="long long",
    )
    cdef long long walk_records(self, Columns into, long long start, long long end, long long first, long long room) noexcept nogil
    @cython.locals(twin=Walker)
    cpdef Walker twin(self)
    cdef void save(self, long long[::1] marks, long long at) noexcept nogil
    cdef void restore(self, long long[::1] marks, long long at) noexcept nogil

    @cython.locals(
        data="const unsigned char[::1]",
        offsets="long long[::1]", times="long long[::1]", captures="long long[::1]",
        lengths="long long[::1]", interfaces="long long[::1]", frames="long long[::1]",
        numbers="long long[::1]", kinds="long long[::1]", factors="long long[::1]",
        shifts="long long[::1]", snaplens="long long[::1]",
        capacity="long long", known="long long", n="long long", first="long long", big="bint",
        pos="long long", status="long long", kind="long long", total="long long",
        most="long long", longest="long long", least="long long", closing="long long", local="long long", captured="long long",
        length="long long", high="long long", low="long long", lost="long long",
        options=PacketOptions, at="long long", way="long long",
    )
    cpdef long long walk_pcapng(self, object buffer, long long start, long long end, object batch)

@cython.locals(
    one="unsigned long long", units="unsigned long long", time="long long",
    seconds="unsigned long long", fraction="unsigned long long",
    ceiling="unsigned long long",
)
cpdef long long in_nanoseconds(
    unsigned long long high, unsigned long long low, long long kind, long long factor, long long offset
) noexcept

@cython.locals(times="long long[::1]", last="long long", i="long long", count="long long")
cpdef bint ascending(object batch, long long floor)
