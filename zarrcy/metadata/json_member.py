"""Checked access to the values of a JSON document. Each error names the key, the member and the value."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NoReturn

from zarrcy.errors import MetadataError
from zarrcy.types import JSON, Key

# Most characters of a value in an error message.
_MAX_TEXT = 200
# Most nested shards or structures; parsing is recursive.
MAX_DEPTH = 32
# Most codecs of an array and fields of a structure, far more than real arrays have.
MAX_CODECS = 64
MAX_FIELDS = 2**16


@dataclass(frozen=True, slots=True)
class Member:
    """A value in a JSON document.

    Attributes
    ----------
    key : Key
        Key of the document.
    place : str
        Position of the value in the document, such as ``codecs[1].configuration.level``.
    value : JSON
        The value.

    Examples
    --------
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
        """Raise an error for the value.

        Parameters
        ----------
        problem : str
            What the value must be, and what to do.

        Raises
        ------
        MetadataError
            Always.
        """
        text = repr(self.value)
        text = text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."
        raise MetadataError(self.key, f"{self.place!r} is {text}; {problem}")

    def _inner(self, name: str, value: JSON) -> Member:
        return Member(self.key, f"{self.place}.{name}" if self.place else name, value)

    def object(self, known: Collection[str] | None = None) -> dict[str, JSON]:
        """Return the value, which must be a JSON object. If `known` is given, other members are an error."""
        if not isinstance(self.value, dict):
            self.fail("it must be an object")
        if known is not None and (unknown := sorted(set(self.value) - set(known))):
            self.fail(
                f"its member {unknown[0]!r} is not supported; supported are "
                f"{', '.join(map(repr, sorted(known))) or 'none'}"
            )
        return self.value

    def get(self, name: str) -> Member | None:
        """Return a member of the object; None if it does not exist."""
        members = self.object()
        return self._inner(name, members[name]) if name in members else None

    def require(self, name: str) -> Member:
        """Return a member that the object must have."""
        member = self.get(name)
        if member is None:
            if self.place:
                self.fail(f"it lacks {name!r}")
            raise MetadataError(self.key, f"it lacks {name!r}")
        return member

    def items(self) -> Iterator[Member]:
        """Iterate over the items of the value, which must be a list."""
        if not isinstance(self.value, list):
            self.fail("it must be a list")
        return (Member(self.key, f"{self.place}[{i}]", item) for i, item in enumerate(self.value))

    def string(self) -> str:
        """Return the value, which must be a string."""
        if not isinstance(self.value, str):
            self.fail("it must be a string")
        return self.value

    def choice(self, *choices: str) -> str:
        """Return the value, which must be one of some strings."""
        if not isinstance(self.value, str) or self.value not in choices:
            self.fail(f"it must be {' or '.join(map(repr, choices))}")
        return self.value

    def boolean(self) -> bool:
        """Return the value, which must be true or false."""
        if not isinstance(self.value, bool):
            self.fail("it must be true or false")
        return self.value

    def integer(self, least: int, most: int | None = None) -> int:
        """Return the value, which must be a whole number from `least` to `most`; ``1.0`` is one too."""
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
        """Return the value, which must be a list of whole numbers from `least` to `most`."""
        return tuple(item.integer(least, most) for item in self.items())

    def extension(self) -> Extension:
        """Return the value as an extension: an object with a name and a configuration, or a name alone."""
        if isinstance(self.value, str):
            return Extension(self, self.value, self._inner("configuration", {}), True)
        members = self.object()
        if "name" not in members:
            self.fail("it must be a name, or an object with a 'name' and a 'configuration'")
        stated = members.get("configuration")
        configuration = self._inner("configuration", {} if stated is None else stated)
        configuration.object()
        must_understand = self.get("must_understand")
        self.object(("name", "configuration", "must_understand"))
        return Extension(
            self,
            self.require("name").string(),
            configuration,
            must_understand is None or must_understand.boolean(),
        )


@dataclass(frozen=True, slots=True)
class Extension:
    """A name with a configuration: the form of data types, codecs, grids and key encodings in v3.

    Attributes
    ----------
    member : Member
        The value in the document.
    name : str
        The name.
    configuration : Member
        The configuration; empty if the document does not state one.
    must_understand : bool
        Whether a reader that does not support the extension must refuse the document.
    """

    member: Member
    name: str
    configuration: Member
    must_understand: bool

    def require_understood(self) -> Extension:
        """Return the extension, which readers must understand."""
        if not self.must_understand:
            self.member.fail("'must_understand' cannot be false here; leave it out")
        return self

    def allow_only(self, *known: str) -> Member:
        """Return the configuration. Members that are not `known` are an error."""
        self.configuration.object(known)
        return self.configuration
