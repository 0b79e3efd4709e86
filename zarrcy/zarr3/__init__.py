"""The names and meanings of zarr-python 3, over the arrays and groups of zarrcy.

``zarrcy.compat.install(api=3)`` makes ``import zarr`` return them. `zarrcy._zarr3_modules` says which module of
zarr-python has which names.
"""
