"""Options by name: as flags, from files, from Python."""
