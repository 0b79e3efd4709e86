"""Chunks between memory and the store: read, decode and place; gather, encode and write."""
