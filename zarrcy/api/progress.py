"""The progress bar of the verbs, see `zarrcy.hierarchy.progress_bar`."""

from zarrcy.hierarchy.progress_bar import Advance, byte_progress

__all__ = ["Advance", "byte_progress"]
