import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow
from pcapdiag.flow.slabs cimport FactSlab

cdef long long CHUNK_FACTS, CHUNK_WORDS, FACT_WORDS, FIRST_CHUNKS, LAST_CHUNKS, RST


@cython.final
cdef class KeptPackets:
    cdef public FactSlab facts
    cdef public long long left_out, scratch
    cdef public set watched
    cdef public object on_packet

    cpdef int watch(self, set streams, on_packet) except -1
    cdef int show(self, Packet p, Flow flow, long long from_a, long long marks, long long path, long long frame, long long time) except -1
    cdef int keep(self, Packet p, Flow flow, long long from_a, long long marks, long long path, long long frame, long long time) except -1
    cdef int _keep_reset(self, Packet p, Flow flow, long long from_a, long long marks, long long path, long long frame, long long time) except -1
    cdef void release(self, Flow flow) noexcept
    @cython.locals(chunk=cython.longlong)
    cdef int _next_chunk(self, Flow flow) except -1
    @cython.locals(base=cython.longlong)
    cdef inline void _write(self, Packet p, long long chunk, long long fact, long long from_a, long long marks, long long path, long long frame, long long time) noexcept
