"""Chunks that are stored together in shards: many inner chunks in one stored value, and an index of them."""
