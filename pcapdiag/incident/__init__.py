"""What holds across connections: groups, totals, timelines."""
