"""One run: it measures, and all that it measures goes into its record."""
