"""From the records of many runs to one comparison; nothing here imports torch."""
