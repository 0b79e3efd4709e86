"""Chunks that are stored many to a value, in shards."""
