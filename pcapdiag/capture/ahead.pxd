import cython

from pcapdiag.capture.native cimport acquire, enter_interpreter, free, leave_interpreter, new_lock, read_into, release, wait

cdef long long _BLOCK, _HEADROOM, _SLOTS, _IN_USE


@cython.final
cdef class Ahead:
    cdef public object buffer
    cdef public long long start, end
    cdef object _room, _thread
    cdef unsigned char[::1] _bytes
    cdef long long[::1] _sizes
    cdef long long _descriptor, _fetched, _taken, _stopped, _fetcher_waits, _taker_waits
    cdef long long _numbers, _space, _news

    @cython.locals(slot=cython.longlong, got=cython.longlong, size=cython.longlong, at=cython.longlong, left=cython.longlong)
    cpdef int take(self, object rest) except? -1
    cpdef int close(self) except -1
    @cython.locals(number=cython.longlong)
    cdef long long _next(self) noexcept
    cdef void _let_fetch(self) noexcept nogil
    @cython.locals(state=cython.longlong)
    cpdef int _run(self) except -1
    @cython.locals(number=cython.longlong, got=cython.longlong, slot=cython.longlong, at=cython.longlong)
    cdef void _fetch(self) noexcept nogil
    cdef bint _has_space(self, long long number) noexcept nogil
