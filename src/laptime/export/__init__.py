"""A saved result made ready for others: merged, for Ollama, as GGUF, with a card; each proven first."""
