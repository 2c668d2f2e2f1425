import cython

from pcapdiag.capture.native cimport acquire, enter_interpreter, free, leave_interpreter, new_lock, read_into, release, wait
from pcapdiag.capture.walk cimport Walker
from pcapdiag.capture.window cimport Columns
from pcapdiag.model.numbers cimport copy

cdef long long _BLOCK, _HEADROOM, _RECORDS, _SLOTS, _IN_USE, _LEFT, _OWN_FACTS, _FACTS, _SIZE, _MORE


cdef class Preparation:
    cdef public object words
    cdef public long long width

    cdef void prepare(self, Columns into, long long first, long long last) noexcept nogil


@cython.final
cdef class Ahead:
    cdef public object batch, buffer
    cdef public long long start, position, end
    cdef public bint is_last
    cdef Columns _columns
    cdef Walker _walker
    cdef Preparation _preparation
    cdef list _batches
    cdef object _thread
    cdef unsigned char[::1] _bytes
    cdef long long[::1] _facts
    cdef long long _descriptor, _left, _fetched, _taken, _stopped, _fetcher_waits, _taker_waits
    cdef long long _numbers, _space, _news

    @cython.locals(slot=cython.longlong, at=cython.longlong, got=cython.longlong, facts="long long[::1]")
    cpdef int take(self, Walker walker) except? -1
    cpdef int close(self) except -1
    @cython.locals(number=cython.longlong)
    cdef long long _next(self) noexcept
    cdef void _let_fetch(self) noexcept nogil
    @cython.locals(state=cython.longlong, number=cython.longlong)
    cpdef int _run(self) except -1
    @cython.locals(slot=cython.longlong, at=cython.longlong, start=cython.longlong, got=cython.longlong, end=cython.longlong, first=cython.longlong, status=cython.longlong, facts=cython.longlong, goes_on=cython.bint)
    cdef bint _fetch(self, long long number) noexcept nogil
    cdef void _tell(self, long long fetched) noexcept nogil
    cdef bint _has_space(self, long long number) noexcept nogil
