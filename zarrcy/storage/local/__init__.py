"""Stores on the local machine: directories, archives and database files."""
