import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.records cimport Flow, HalfFlow, Host
from pcapdiag.model.numbers cimport distance

cdef long long FIN, GAP_BEFORE, KEEP_ALIVE, RST, SPURIOUS_RETRANSMISSION, SYN
cdef long long MASK32, MAX_HOLES, MIN_LATE, LATE, MAX_IDS_APART, USUAL_SEGMENT, MAX_ALL_SUSPECTS, MAX_SECONDS, MAX_ALL_SECONDS, SECOND, STALL
cdef long long BEHIND, BEFORE, LATE_ONLY, SENT_AFTER, SENT_BEFORE, CANNOT_TELL, _MAX_STREAMS, _MAX_SUSPECTS


@cython.final
cdef class Hole:
    cdef public long long left, right, time, tsval, ip_id


@cython.final
cdef class Suspect:
    cdef public long long seq, end, time, kind, tsval, ip_id, copies


@cython.final
cdef class Losses:
    cdef public long long seconds, left_out, suspects

    @cython.locals(end=cython.longlong, late=cython.longlong, order=cython.longlong, kind=cython.longlong, hole=Hole)
    cdef object note(self, Packet p, Flow flow, HalfFlow f, HalfFlow r, long long marks, long long known, long long time)
    @cython.locals(last=Hole, tsval=cython.longlong)
    cdef object _open_hole(self, Packet p, HalfFlow f, long long left, long long time)
    @cython.locals(found=Hole, hole=Hole, rest=list, before=cython.bint, behind=cython.bint)
    cdef Hole _fill(self, HalfFlow f, long long seq, long long end)
    @cython.locals(lost=Suspect)
    cdef long long _is_first_copy(self, Packet p, HalfFlow f, long long end)
    @cython.locals(lost=Suspect, tsval=cython.longlong)
    cdef object _sent_again(self, Packet p, HalfFlow f, HalfFlow r, long long end, long long time)
    @cython.locals(oldest=Suspect)
    cdef object _suspect(self, HalfFlow f, HalfFlow r, Suspect lost)
    @cython.locals(lost=Suspect)
    cdef Suspect _oldest(self, list suspects)
    cdef object _settle(self, HalfFlow f, HalfFlow r, Suspect lost)
    @cython.locals(lost=Suspect, rest=list, twice=cython.bint, in_vain=cython.longlong)
    cdef object answered(self, Packet p, HalfFlow f, HalfFlow r, long long time)
    @cython.locals(acked=cython.bint)
    cdef long long _had_the_first(self, Packet p, HalfFlow f, HalfFlow r, Suspect lost, long long time)
    @cython.locals(second=cython.longlong)
    cdef object _note_time(self, Host host, long long time)
    @cython.locals(both=cython.bint)
    cdef object finished(self, Flow flow)
    cdef object _forget(self, HalfFlow f)
    @cython.locals(behind=cython.longlong, before=cython.longlong, segments=cython.longlong, usual=cython.longlong)
    cdef object _add(self, Flow flow, HalfFlow f, HalfFlow r)
    @cython.locals(lost=Suspect)
    cdef object _settle_all(self, HalfFlow f, HalfFlow r)
    cdef object _note_stream(self, Host host, Flow flow)


cdef bint _overlap(Suspect lost, long long seq, long long end)
cdef bint _brought_nothing(Packet p, HalfFlow f, HalfFlow r)
cdef long long _order(Packet p, long long tsval, long long ip_id)
