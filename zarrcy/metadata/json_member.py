"""Values of a JSON document that know where they stand: each check names the key, the member and the value."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from zarrcy.errors import MetadataError
from zarrcy.types import JSON, Key

_LONGEST = 200
# Deeper documents are refused: what walks them does so by recursion.
MAX_DEPTH = 32
# More codecs in a row, or fields in a structure, are no array that somebody made.
MAX_CODECS = 64
MAX_FIELDS = 2**16


@dataclass(frozen=True, slots=True)
class Member:
    """A value in a document.

    Attributes
    ----------
    key : of the document
    place : of the value in it, as in ``codecs[1].configuration.level``
    value : what stands there

    >>> Member("zarr.json", "shape[0]", -1).integer(0)
    Traceback (most recent call last):
    ...
    zarrcy.errors.MetadataError: the metadata document 'zarr.json' can't be used: 'shape[0]' is -1; it must be
    a whole number from 0
    """

    key: Key
    place: str
    value: JSON

    def fail(self, problem: str) -> NoReturn:
        """Refuse the value: `problem` says what it must be, and what to do."""
        text = repr(self.value)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
        raise MetadataError(self.key, f"{self.place!r} is {text}; {problem}")

    def _inner(self, name: str, value: JSON) -> Member:
        return Member(self.key, f"{self.place}.{name}" if self.place else name, value)

    def object(self, known: Collection[str] | None = None) -> dict[str, JSON]:
        """Return the value, which must be a JSON object, and have no members but the `known` ones."""
        if not isinstance(self.value, dict):
            self.fail("it must be an object")
        if known is not None and (strange := sorted(set(self.value) - set(known))):
            self.fail(
                f"its member {strange[0]!r} is not known here; known are {', '.join(map(repr, sorted(known)))}"
            )
        return self.value

    def get(self, name: str) -> Member | None:
        """Return a member of the object, or None."""
        members = self.object()
        return self._inner(name, members[name]) if name in members else None

    def require(self, name: str) -> Member:
        """Return a member of the object that must be there."""
        found = self.get(name)
        if found is None:
            if self.place:
                self.fail(f"it lacks {name!r}")
            raise MetadataError(self.key, f"it lacks {name!r}")
        return found

    def items(self) -> Iterator[Member]:
        """Return the items of the list that the value must be."""
        if not isinstance(self.value, list):
            self.fail("it must be a list")
        return (Member(self.key, f"{self.place}[{i}]", item) for i, item in enumerate(self.value))

    def string(self) -> str:
        if not isinstance(self.value, str):
            self.fail("it must be a string")
        return self.value

    def choice(self, *choices: str) -> str:
        if not isinstance(self.value, str) or self.value not in choices:
            self.fail(f"it must be {' or '.join(map(repr, choices))}")
        return self.value

    def boolean(self) -> bool:
        if not isinstance(self.value, bool):
            self.fail("it must be true or false")
        return self.value

    def integer(self, least: int, most: int | None = None) -> int:
        """Return a whole number; ``1.0`` is one too."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if (
            isinstance(value, bool)
            or not isinstance(value, int)
            or value < least
            or (most is not None and value > most)
        ):
            self.fail(f"it must be a whole number from {least}" + (f" to {most}" if most is not None else ""))
        return value

    def integers(self, least: int, most: int | None = None) -> tuple[int, ...]:
        return tuple(item.integer(least, most) for item in self.items())

    def extension(self) -> Extension:
        """Return what an object with a name and a configuration, or a name alone, says."""
        if isinstance(self.value, str):
            return Extension(self, self.value, self._inner("configuration", {}), True)
        members = self.object()
        if "name" not in members:
            self.fail("it must be a name, or an object with a 'name' and a 'configuration'")
        configuration = self._inner("configuration", members.get("configuration", {}))
        configuration.object()
        must = self.get("must_understand")
        self.object(("name", "configuration", "must_understand"))
        return Extension(self, self.require("name").string(), configuration, must is None or must.boolean())


@dataclass(frozen=True, slots=True)
class Extension:
    """A name with a configuration: how v3 spells data types, codecs, grids and key encodings.

    Attributes
    ----------
    member : where it stands
    name, configuration : what it says; the configuration is empty where it says none
    must_understand : who does not know it may not ignore it
    """

    member: Member
    name: str
    configuration: Member
    must_understand: bool

    def require_understood(self) -> Extension:
        """Return the extension, which may not be one that can be ignored."""
        if not self.must_understand:
            self.member.fail("'must_understand' can't be false here; leave it out")
        return self

    def allow_only(self, *known: str) -> Member:
        """Return the configuration, which has none but the known members."""
        self.configuration.object(known)
        return self.configuration


def join(value: Any) -> str:
    """Return names as a text for people."""
    return ", ".join(map(repr, sorted(value)))
