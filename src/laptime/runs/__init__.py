"""One run and what it leaves behind, the border between what trains and what reads; no torch."""
