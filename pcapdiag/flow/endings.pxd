import cython

from pcapdiag.flow.activity cimport Bins
from pcapdiag.flow.callers cimport Caller, Callers
from pcapdiag.flow.folding cimport fold
from pcapdiag.flow.health cimport is_surely_healthy
from pcapdiag.flow.kept cimport KeptPackets
from pcapdiag.flow.losses cimport Losses
from pcapdiag.flow.places cimport note_place
from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow
from pcapdiag.flow.silence cimport captured_late
from pcapdiag.flow.slabs cimport FactSlab, HeadSlab, PieceSlab, is_scarce
from pcapdiag.flow.table cimport Table
from pcapdiag.flow.turns cimport Turns

cdef long long _LINGER, _SYN_IDLE, _OPEN_IDLE, _ACTIVE, _EMBRYONIC, _CLOSING, _TURNS, _TRANSCRIPT, _STREAMED
cdef long long MAX_OPEN, MAX_EMBRYONIC, MAX_CLOSING, _FEW_CLOSING, SECOND_CHANCES, LOOKS, MAX_LOOKS, HARMLESS, MAX_HARMLESS
cdef unsigned long long MASK, MIX


@cython.final
cdef class Endings:
    cdef public object finished, is_chosen, keep_prints
    cdef public long long want_all, connections, healthy, midstream, one_direction, answered_unseen, evicted, captured_late, looks, harmless
    cdef public long long together
    cdef public set named
    cdef list _waiting
    cdef public Table table
    cdef public Turns turns
    cdef public KeptPackets kept
    cdef public Losses losses
    cdef public Bins activity
    cdef public Callers callers

    cdef int sweep(self, long long now) except -1
    cdef int make_room(self, long long now) except -1
    @cython.locals(facts=FactSlab, heads=HeadSlab, pieces=PieceSlab)
    cdef int _is_short(self) except -1
    cdef int end(self, Flow flow, long long now) except -1
    @cython.locals(flow=Flow, queue=cython.longlong)
    cdef int end_all(self, long long now) except -1
    @cython.locals(flow=Flow)
    cdef int _expire(self, long long queue, long long idle, long long now) except -1
    cdef void _requeue(self, Flow flow) noexcept
    @cython.locals(flow=Flow, tries=cython.longlong)
    cdef void _evict(self, long long queue, long long now)
    cdef object _finish(self, Flow flow, long long now)
    @cython.locals(caller=Caller)
    cdef int _hands_on_resets(self, Flow flow) except -1
    @cython.locals(caller=Caller)
    cdef object _count_healthy(self, Flow flow)
    @cython.locals(waiting=list, flow=Flow)
    cdef object _hand_on(self)
    cdef object _let_go(self, Flow flow)
    cdef int _is_asked_for(self, Flow flow) except -1
    @cython.locals(f=HalfFlow)
    cdef void _count_one_sided(self, Flow flow) noexcept
    @cython.locals(endpoint=Endpoint)
    cdef void _choose_look(self, Flow flow) noexcept


cpdef unsigned long long end_key(unsigned long long low, unsigned long long port) noexcept
