"""Stores with the names, arguments and asynchronous methods of zarr-python 3.

Each is a mapping of keys to bytes as well, and passes its requests on to a store of zarrcy. So arrays read and write
through the store of zarrcy, and the asynchronous methods are for programs that use a store by themselves.
"""
