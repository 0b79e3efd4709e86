"""How zarrcy does over its history: one question in each class, data made in `setup`, time and counts side by side."""
