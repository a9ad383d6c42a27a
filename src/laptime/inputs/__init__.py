"""From what the user names (a file, a hub id, a model) to token ids and a model; every mistake ends here."""
