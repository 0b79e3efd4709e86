"""Stores on this machine: directories, archives and database files."""
