"""Hostile input, by the million: `targets` take any bytes, `run` finds bytes that they do not bear."""
