import cython

from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow, Host
from pcapdiag.flow.screen cimport begins_with, check_kind, is_answer, is_request, status
from pcapdiag.flow.silence cimport answer_may_be_missing, is_silent

cdef long long MAX_CALLERS, MAX_CHANGES, MAX_STATUSES, HEAD_KEPT, _COUNTS_WAITING
cdef long long _MAX_STEPS, _MAX_STEPS_IN_ALL, _STEP, _TIME_WAIT, _FOREVER
cdef long long SYN_REPEAT, MAX_MARKS, NOBODY
cdef long long _CONNECTED, _ANSWERED, _CAME_UP, _REFUSED, _SILENT, _NO_ANSWER


@cython.final
cdef class Ask:
    cdef public bytes head, line
    cdef public long long same, count, good, errors, alone, first, last, gaps, gap_sum, last_gap, steady, was_good
    cdef public long long last_outcome, repeated
    cdef public dict statuses
    cdef public list changes
    @cython.locals(gap=cython.longlong, apart=cython.longlong, good=cython.longlong)
    cpdef int note(self, long long time, long long outcome) except -1
    cpdef int settle(self) except -1

@cython.final
cdef class Level:
    cdef public long long step
    cdef public dict changes
    @cython.locals(first=cython.longlong, after=cython.longlong, before=cython.longlong)
    cpdef int add(self, long long since, long long until, long long number) except? -1
    @cython.locals(halved=dict)
    cdef object _double_step(self)

@cython.final
cdef class Caller:
    cdef public Host host
    cdef public long long connections, lowest_port, highest_port, reused, cured, first, last
    cdef public long long came_up, dropped, first_dropped, last_dropped
    cdef public long long harmless, own_resets, their_resets
    cdef public set drop_marks
    cdef public Ask ask0, ask1, ask2, ask3, ask4
    cdef public Level open, waiting
    cpdef Ask ask(self, long long kind)
    cpdef Ask new_ask(self, long long kind, bytes head)

@cython.final
cdef class Callers:
    cdef public long long count, left_out, steps, uncounted
    @cython.locals(caller=Caller)
    cpdef Caller find(self, Endpoint endpoint, Host host)
    @cython.locals(caller=Caller)
    cdef inline Caller _caller(self, Flow flow, Endpoint endpoint, Host host)
    @cython.locals(opener=HalfFlow, caller=Caller, ask=Ask, outcome=cython.longlong, length=cython.longlong)
    cdef object turn_closed(self, Flow flow, unsigned char[::1] v, long long asked, long long asked_length, long long told, long long told_length)
    @cython.locals(ask=Ask)
    cpdef note(self, Caller caller, long long kind, long long time, long long outcome, bytes head, long long alone)
    @cython.locals(opener=HalfFlow, responder=HalfFlow, caller=Caller, ask=Ask, outcome=cython.longlong)
    cdef object finished(self, Flow flow, long long now)
    @cython.locals(port=cython.longlong, until=cython.longlong, closed=cython.bint, still_open=cython.bint)
    cdef object _count_port(self, Flow flow, Caller caller, HalfFlow opener, HalfFlow responder)
    @cython.locals(level=Level)
    cdef object _count_waiting(self, Flow flow, Caller caller, HalfFlow opener, HalfFlow responder)
    @cython.locals(answered=cython.bint, repeated=cython.bint)
    cdef object _count_syn(self, Flow flow, Caller caller, HalfFlow responder, long long now)
