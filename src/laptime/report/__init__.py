"""A comparison as a page, as a Markdown write-up and as a table in the terminal."""
