"""How the same training gets faster: one file a speedup."""
