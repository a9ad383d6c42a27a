"""Parts of the training step in C: sources that ship with laptime, built once for the processor at hand."""
