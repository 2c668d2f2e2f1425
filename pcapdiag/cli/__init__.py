"""The program: this comes before all that its start imports."""

import gc

OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""New objects (net) before garbage is looked for; Python's own 700 are for small programs. Looking
through what starting and an analysis make, which lives until the end, costs 25 ms."""

gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
