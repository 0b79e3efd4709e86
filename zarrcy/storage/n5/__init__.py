"""Stores that present an N5 container as a hierarchy of Zarr v2."""
