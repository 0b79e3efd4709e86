"""For tests: stores that count and fail, strategies for hypothesis, and a machine that tries a store.

`CountingStore` and `FaultyStore` need nothing more than zarrcy. The others need ``zarrcy[testing]``;
they are loaded when they are first asked for.

To try a store of your own, let pytest collect this:

>>> from zarrcy.testing import machine_for
>>> TestMyStore = machine_for(dict).TestCase
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zarrcy.testing.stores import CountingStore, FaultyStore

if TYPE_CHECKING:
    from zarrcy.testing.machine import ArrayMachine, machine_for

__all__ = ["ArrayMachine", "CountingStore", "FaultyStore", "machine_for"]


def __getattr__(name: str) -> Any:
    if name in ("ArrayMachine", "machine_for"):
        from zarrcy.testing import machine

        return getattr(machine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
