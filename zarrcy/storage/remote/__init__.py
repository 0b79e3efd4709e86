"""Stores that are reached over a network: object stores, fsspec file systems and database servers."""
