import cython

from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow, Host
from pcapdiag.flow.silence cimport is_silent
from pcapdiag.flow.spans cimport note_outcome

cdef long long SILENT, CLOSE_WITHIN, TENTH, MAX_QUIET_TIMES


cpdef void fold(Flow flow)
@cython.locals(host=Host)
cdef void _fold_half(HalfFlow f, HalfFlow r)
@cython.locals(initiator=HalfFlow, responder=HalfFlow, host=Host, endpoint=Endpoint)
cdef void _fold_endpoint(Flow flow)
@cython.locals(i=HalfFlow, r=HalfFlow, apart=cython.longlong, quiet=cython.longlong, tenths=cython.longlong, endpoint=Endpoint, closed=dict, when=dict, first=cython.longlong, last=cython.longlong)
cdef void _note_closed_idle(Flow flow)
