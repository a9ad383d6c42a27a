"""The live view: a race shown while it runs, in a browser, a terminal and a notebook; it trains nothing."""
