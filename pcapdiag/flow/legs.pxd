import cython

from pcapdiag.flow.records cimport Flow, HalfFlow, Host, Moment
from pcapdiag.flow.table cimport Table

cdef long long _KEPT, _MAX_AROUND, SOON, TWINS, SAME_MOMENT, SPARE, _OPENED, _ANSWERED, _LEFT, _TURNS, MAX_COMPARED, RACE, NOBODY


@cython.final
cdef class Moments:
    cdef public long long count
    cdef public list ring
    cdef long long _last_spare
    @cython.locals(moment=Moment, opener=HalfFlow, answerer=HalfFlow)
    cdef int note(self, Flow flow, long long kind, long long time) except -1
    @cython.locals(moment=Moment, host=Host, back=cython.longlong, same_id=cython.bint)
    cdef void _find_twin(self, Flow flow, HalfFlow opener, HalfFlow answerer, long long time)
    @cython.locals(moment=Moment, host=Host, back=cython.longlong)
    cdef Moment redirected(self, long long isn, long long time)
    @cython.locals(moment=Moment, i=cython.longlong, port=cython.longlong, trip=cython.longlong)
    cdef void _find_used(self, Flow flow, HalfFlow opener, HalfFlow answerer, long long time)
    @cython.locals(moment=Moment, left=Flow, i=cython.longlong, port=cython.longlong)
    cdef void _find_spares(self, Flow flow, HalfFlow opener, HalfFlow answerer, long long time)
    @cython.locals(moment=Moment, initiator=HalfFlow, responder=HalfFlow, me=HalfFlow, peer=HalfFlow, first=cython.bint, start=cython.longlong, until=cython.longlong, mine=cython.longlong, i=cython.longlong, opened=cython.bint, answered=cython.bint, way=cython.longlong)
    cpdef list around(self, Flow flow, long long of_initiator)


cdef long long is_local(HalfFlow f) noexcept
cpdef long long is_loopback(long long version, unsigned long long high, unsigned long long low) noexcept
cdef long long _may_be_spare(Flow flow) noexcept
@cython.locals(first=cython.longlong)
cdef long long _closed_at(HalfFlow a, HalfFlow b, long long rst_time) noexcept
@cython.locals(me=HalfFlow, loser=Flow, port=cython.longlong, ahead=cython.longlong, same_host=cython.bint, near=cython.bint)
cpdef void note_race(Table table, Flow winner, long long time) noexcept
cdef long long _is_initial(long long ttl) noexcept
