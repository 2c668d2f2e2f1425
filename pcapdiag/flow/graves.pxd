import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, Tombstone

cdef long long _MAX_TOMBSTONES, _WORDS


@cython.final
cdef class Graves:
    cdef public long long count, from_a
    cdef int[::1] _heads, _links
    cdef unsigned int[::1] _hashes
    cdef object _rows
    cdef unsigned long long[::1] _words

    @cython.locals(place=cython.longlong)
    cdef Tombstone find(self, Packet p, unsigned long long h)
    @cython.locals(at=cython.longlong, ports=cython.longlong)
    cpdef int bury(self, Flow flow) except -1
    @cython.locals(at=cython.longlong, word=cython.longlong)
    cpdef int take_up(self, row, unsigned long long h) except -1
    cpdef list rows(self, long long since)
    @cython.locals(ports=cython.longlong)
    cdef int _is_of(self, Packet p, long long at) noexcept
    @cython.locals(traits=cython.ulonglong)
    cdef Tombstone _tombstone(self, long long at)
    @cython.locals(place=cython.longlong)
    cdef int _new_row(self, unsigned long long h) except -1
    @cython.locals(slot=cython.longlong, other=cython.longlong)
    cdef void _forget(self, long long place) noexcept
