"""Stores that present an N5 container as a Zarr v2 hierarchy."""
