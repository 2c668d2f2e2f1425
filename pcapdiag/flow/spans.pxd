import cython

from pcapdiag.flow.records cimport Endpoint

cdef long long _MAX_SPANS, _QUIET, _CAME_UP


@cython.final
cdef class Span:
    cdef public long long outcome, first, last, count, pause, pause_end, before_pause
    cdef public long long served, served_first, served_last, served_gap
    cdef public long long pause_served, pause_served_first, pause_served_last, pause_served_gap


@cython.locals(span=Span)
cpdef object note_outcome(Endpoint endpoint, long long outcome, long long time)
@cython.locals(span=Span)
cpdef object note_served(Endpoint endpoint, long long time)
