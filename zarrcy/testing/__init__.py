"""Tools for tests: stores that count operations or fail, strategies for hypothesis, and tests of a store.

`CountingStore` and `FaultyStore` need only zarrcy. The other names need ``zarrcy[testing]``; they are imported on
first use.

To test your own store, and arrays in it, let pytest collect a class like this one:

>>> import zarrcy
>>> from zarrcy.testing import StoreContract
>>> class TestMyStore(StoreContract):
...     def make_store(self):
...         return zarrcy.DirectoryStore(self.new_path())
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from zarrcy.testing.stores import CountingStore, FaultyStore

if TYPE_CHECKING:
    from zarrcy.testing.failing import FailingArrayMachine
    from zarrcy.testing.hierarchy import HierarchyMachine, hierarchy_machine_for
    from zarrcy.testing.machine import ArrayMachine, machine_for
    from zarrcy.testing.store_contract import StoreContract

__all__ = [
    "ArrayMachine",
    "CountingStore",
    "FailingArrayMachine",
    "FaultyStore",
    "HierarchyMachine",
    "StoreContract",
    "hierarchy_machine_for",
    "machine_for",
]

_HOMES = {
    "ArrayMachine": "machine",
    "FailingArrayMachine": "failing",
    "HierarchyMachine": "hierarchy",
    "StoreContract": "store_contract",
    "hierarchy_machine_for": "hierarchy",
    "machine_for": "machine",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_HOMES[name]}"
    if "pytest" in sys.modules and module not in sys.modules:
        # a failing assertion shows its values
        sys.modules["pytest"].register_assert_rewrite(module)
    return getattr(import_module(module), name)
