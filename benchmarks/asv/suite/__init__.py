"""Benchmarks of zarrcy over its history. Each class measures one operation; `setup` makes the data."""
