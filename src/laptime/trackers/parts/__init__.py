"""What several trackers share, and the larger parts of one; no tracker itself."""
