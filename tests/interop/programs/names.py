"""Programs that list the names in the modules and classes of a library, and one that allows the codec pickle."""

from __future__ import annotations

import importlib

# These names belong to how Python makes or pickles a class. Users do not call them.
MACHINERY = {
    "__setstate__",
    "__slots__",
    "__dict__",
    "__parameters__",
    "__abstractmethods__",
    "__class_getitem__",
    # pickle adds it to each class that it has pickled
    "__slotnames__",
}


def public_names(zarr, place, dotted):
    """Return the public names of a module or a class, and the special methods of a class."""
    module, _, name = dotted.rpartition(".")
    thing = getattr(importlib.import_module(module), name) if module else zarr
    own = set(dir(thing)) - set(dir(object) if module else []) - MACHINERY
    return " ".join(n for n in own if not n.startswith("_") or (module and n.startswith("__")))


def existing_names(zarr, place, module, names):
    """Return those of some names that a module has."""
    imported = importlib.import_module(f"zarr.{module}")
    return " ".join(name for name in names if hasattr(imported, name))


def public_classes(zarr, place, module):
    """Return the names of the public classes that a module defines."""
    imported = importlib.import_module(f"zarr.{module}")
    return " ".join(
        name
        for name, value in vars(imported).items()
        if isinstance(value, type) and value.__module__ == imported.__name__ and name[0] != "_"
    )


def allow_pickle(zarr, place, allowed):
    import numcodecs.pickles

    numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE = allowed
