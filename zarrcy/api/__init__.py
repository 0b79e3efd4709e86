"""The functions that users call on whole arrays, groups and stores: one module per verb."""
