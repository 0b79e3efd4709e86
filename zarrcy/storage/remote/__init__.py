"""Stores that use a network: object stores, fsspec file systems and database servers."""
