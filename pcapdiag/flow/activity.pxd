import cython

from pcapdiag.flow.records cimport Flow

cdef long long _CLOCK_SET, _SLOTS, _WORDS


@cython.final
cdef class Bins:
    cdef long long[::1] counts
    cdef public long long start, width, last
    cdef public long long low, high, packets, bytes, retransmissions, resets
    cdef long long at

    @cython.locals(place=cython.longlong)
    cdef void move(self, long long time) noexcept
    @cython.locals(start=cython.longlong, end=cython.longlong, closed=cython.bint)
    cdef void connection(self, Flow flow) noexcept
    cpdef void goaway(self, long long time) noexcept
    @cython.locals(found=list, row=list, word=cython.longlong, place=cython.longlong)
    cpdef list rows(self)
    @cython.locals(ahead=cython.longlong)
    cdef long long _place(self, long long time) noexcept
    cdef void _put(self) noexcept
    @cython.locals(word=cython.longlong, place=cython.longlong, count=cython.longlong)
    cdef void _fold(self) noexcept
    @cython.locals(word=cython.longlong)
    cdef void _begin_anew(self, long long time) noexcept
    cdef void _forget(self) noexcept
