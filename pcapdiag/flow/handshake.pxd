import cython

from pcapdiag.decode.headers cimport Packet
from pcapdiag.flow.legs cimport Moments, note_race
from pcapdiag.flow.records cimport Endpoint, Flow, HalfFlow
from pcapdiag.flow.spans cimport note_outcome
from pcapdiag.flow.table cimport Table
from pcapdiag.model.numbers cimport distance

cdef long long ACK, RST, SYN, MASK32, CAME_UP, SILENT, OPENED


cpdef void note_syn(Packet p, Flow flow, HalfFlow f, long long opened, long long time, Moments moments)
cpdef void note_last_step(Packet p, Flow flow, HalfFlow f, HalfFlow r, long long time, Table table) noexcept
cpdef void note_overtaken(Flow flow, HalfFlow f, HalfFlow r, long long time, Table table) noexcept
@cython.locals(endpoint=Endpoint)
cdef void _came_up(Flow flow, long long time, Table table) noexcept
cdef long long _initial_seq(Flow flow) noexcept
