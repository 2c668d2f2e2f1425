import cython

from pcapdiag.flow.harmless cimport is_harmless, is_opened
from pcapdiag.flow.records cimport Flow, HalfFlow
from pcapdiag.flow.screen cimport completeness, holds_another, is_answer
from pcapdiag.flow.secured cimport begins_in_tls, is_in_use
from pcapdiag.flow.slabs cimport HeadSlab, PieceSlab
from pcapdiag.flow.turns cimport turn_length, turn_slot
from pcapdiag.model.numbers cimport distance

cdef long long HEAD, CLOSE_NOTIFY, _WAITED, ENCRYPTED_ANSWER, SOCKS_TURNS, SOCKS_ANSWER
cdef long long _TURNS, _TRANSCRIPT, _STREAMED, _COMPLETE, _UNTIL_CLOSE, _UNKNOWN


@cython.locals(i=HalfFlow, r=HalfFlow, short=cython.bint)
cpdef int is_surely_healthy(Flow flow, HeadSlab heads, PieceSlab slab) except -1
cdef int _closed_well(Flow flow, HalfFlow i, HalfFlow r, HeadSlab heads) except -1
@cython.locals(slot=cython.longlong, length=cython.longlong, found=cython.longlong)
cdef int _is_whole(HalfFlow i, HalfFlow r, long long total, HeadSlab heads) except -1
@cython.locals(slot=cython.longlong, length=cython.longlong)
cdef int _asked_for_more(HalfFlow i, HeadSlab heads) except -1
@cython.locals(version=cython.longlong, second=cython.longlong, slot=cython.longlong, length=cython.longlong, start=cython.longlong, kind=cython.longlong)
cdef int _may_be_refused(HalfFlow i, HalfFlow r, long long total, HeadSlab heads) except -1
@cython.locals(start=cython.longlong, kind=cython.longlong, size=cython.longlong)
cdef int _says_goodbye(Flow flow, HalfFlow i, HalfFlow r, HeadSlab heads) except -1
