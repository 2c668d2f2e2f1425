"""Many captures: each examined on its own, and the tables of all."""
