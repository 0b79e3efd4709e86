"""For tests: stores that count and fail, strategies for hypothesis, and what tries a store.

`CountingStore` and `FaultyStore` need nothing more than zarrcy. The others need ``zarrcy[testing]``;
they are loaded when they are first asked for.

To try a store of your own, let pytest collect this; it tries arrays in the store, too:

>>> import zarrcy
>>> from zarrcy.testing import StoreContract
>>> class TestMyStore(StoreContract):
...     def make_store(self):
...         return zarrcy.DirectoryStore(self.new_path())
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from zarrcy.testing.stores import CountingStore, FaultyStore

if TYPE_CHECKING:
    from zarrcy.testing.hierarchy import HierarchyMachine, hierarchy_machine_for
    from zarrcy.testing.machine import ArrayMachine, machine_for
    from zarrcy.testing.store_contract import StoreContract

__all__ = [
    "ArrayMachine",
    "CountingStore",
    "FaultyStore",
    "HierarchyMachine",
    "StoreContract",
    "hierarchy_machine_for",
    "machine_for",
]

_HOMES = {
    "ArrayMachine": "machine",
    "HierarchyMachine": "hierarchy",
    "StoreContract": "store_contract",
    "hierarchy_machine_for": "hierarchy",
    "machine_for": "machine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_HOMES[name]}"
    if "pytest" in sys.modules and module not in sys.modules:
        # an assertion that fails says what it saw
        sys.modules["pytest"].register_assert_rewrite(module)
    return getattr(import_module(module), name)
