"""The programs run in processes of their own: pytest must not import them for their docstrings."""

collect_ignore = ["programs"]
