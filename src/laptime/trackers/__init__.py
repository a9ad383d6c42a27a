"""From the records to experiment trackers; one file each, found by its place in this folder."""
