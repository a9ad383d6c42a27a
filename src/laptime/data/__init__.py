"""From the data that the user names to token ids in batches; every mistake ends here."""
