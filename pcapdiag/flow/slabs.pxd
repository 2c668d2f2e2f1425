import cython

from pcapdiag.flow.records cimport Lane
from pcapdiag.model.numbers cimport copy

cdef long long _FACT_WORDS, _CHUNK_WORDS, _HEAD_BYTES, _PIECE_CHUNK, _PIECE_HEADER, RESERVED


cpdef int is_scarce(long long used, long long limit) noexcept


@cython.final
cdef class FactSlab:
    cdef public long long limit, unused, free, used
    cdef public object words
    cdef unsigned long long[::1] view
    cdef long long[::1] next
    @cython.locals(chunk=cython.longlong)
    cdef int take(self) except -2
    cpdef long long following(self, long long chunk) noexcept
    cdef void link(self, long long chunk, long long following) noexcept
    cdef void give_chain(self, long long first, long long last, long long count) noexcept
    @cython.locals(start=cython.longlong)
    cpdef object row(self, long long chunk, long long fact)


@cython.final
cdef class HeadSlab:
    cdef public long long limit, unused, free, used
    cdef public object bytes
    cdef unsigned char[::1] view
    cdef long long[::1] next
    @cython.locals(slot=cython.longlong)
    cpdef int take(self) except -2
    cpdef void give(self, long long slot) noexcept
    cpdef object read(self, long long slot, long long length)


@cython.final
cdef class PieceSlab:
    cdef public long long limit, unused, free, used
    cdef public object bytes
    cdef unsigned char[::1] view
    cdef long long[::1] words
    @cython.locals(word=cython.longlong, count=cython.longlong)
    cdef int append(self, Lane lane, long long frame, long long time, const unsigned char[::1] source, long long start, long long size) except -1
    @cython.locals(chunk=cython.longlong, at=cython.longlong, word=cython.longlong, size=cython.longlong, count=cython.longlong)
    cpdef list read(self, Lane lane)
    cdef void give(self, Lane lane) noexcept
    @cython.locals(chunk=cython.longlong)
    cdef int _extend(self, Lane lane) except -1
