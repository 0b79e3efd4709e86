"""Compare zarrcy with the other libraries that are installed."""
