"""The objects that users hold: arrays, groups and their attributes."""
