"""The console script ``zarrcy``: import HDF5 files, print, copy, convert, consolidate, verify and repair.

`console` parses the command line. Each command is a module with the functions `add_arguments` and `run`; it is
imported only if the command line names it.
"""

from zarrcy.cli.console import main

__all__ = ["main"]
