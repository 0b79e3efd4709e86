"""Tests with hostile input: `targets` accept any bytes, `run` searches for bytes that cause a fault."""
