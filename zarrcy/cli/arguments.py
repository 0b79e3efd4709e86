"""Arguments that several commands have: locations, chunk shapes, compressors, format versions."""

from __future__ import annotations

import argparse

from zarrcy import metadata
from zarrcy.cli.chunk_blocks import ChunkRule
from zarrcy.cli.errors import CommandError
from zarrcy.types import Codec, Shape, ZarrFormat

__all__ = [
    "COMPRESSORS", "add_json", "add_location", "add_zarr_format", "chunk_rule", "compressor", "compressor_with_level",
    "lengths",
]  # fmt: skip

COMPRESSORS = ("blosc-lz4", "blosc-zstd", "zstd", "zlib", "none")
_LEVELS = {"blosc-lz4": range(10), "blosc-zstd": range(10), "zstd": range(1, 23), "zlib": range(10)}
_DEFAULT_LEVELS = {"blosc-lz4": 5, "blosc-zstd": 5, "zstd": 3, "zlib": 6}


def add_location(parser: argparse.ArgumentParser, kinds: str = "a group or an array") -> None:
    """Add the location of an array or a group."""
    parser.add_argument(
        "path",
        metavar="PATH",
        help=f"{kinds}: a directory, an archive, a path inside an archive, or a URL",
    )


def add_json(parser: argparse.ArgumentParser, kind: str = "object") -> None:
    """Add the option that prints JSON instead of text."""
    parser.add_argument("--json", action="store_true", help=f"print a JSON {kind}")


def add_zarr_format(
    parser: argparse.ArgumentParser, description: str, default: ZarrFormat | None = None
) -> None:
    """Add the option for the version of the Zarr format."""
    versions = [format.ZARR_FORMAT for format in metadata.FORMATS]
    parser.add_argument(
        "--zarr-format", type=_zarr_format, choices=versions, default=default, help=description
    )


def _zarr_format(text: str) -> ZarrFormat:
    return int(text) if text.isdecimal() else text


def chunk_rule(text: str) -> ChunkRule:
    """Parse a rule for chunk shapes: "auto", "same", or lengths such as "10x20".

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is none of these.
    """
    if text in ("auto", "same"):
        return text
    parts = text.split("x")
    if not all(part.isdecimal() and part.isascii() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither auto, nor same, nor positive lengths such as 10x20"
        )
    return tuple(map(int, parts))


def lengths(text: str) -> Shape:
    """Parse lengths such as "10x20".

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is not of this form.
    """
    rule = chunk_rule(text)
    if isinstance(rule, str):
        raise argparse.ArgumentTypeError(f"{text!r} does not give positive lengths such as 10x20")
    return rule


def compressor_with_level(text: str) -> Codec | None:
    """Parse the name of a compressor with an optional level, such as "zstd:9".

    Raises
    ------
    argparse.ArgumentTypeError
        If the compressor or its level does not exist.
    """
    name, colon, level = text.partition(":")
    if name not in COMPRESSORS or (colon and not (level.isascii() and level.isdecimal())):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not one of {', '.join(COMPRESSORS)}, with an optional level such as zstd:9"
        )
    try:
        return compressor(name, int(level) if colon else None)
    except CommandError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def compressor(name: str, level: int | None) -> Codec | None:
    """Return the codec with a name of `COMPRESSORS`.

    Raises
    ------
    CommandError
        If the compressor does not have this level.
    """
    if name == "none":
        if level is not None:
            raise CommandError("--level needs a compressor, but --compressor is none")
        return None
    levels = _LEVELS[name]
    level = _DEFAULT_LEVELS[name] if level is None else level
    if level not in levels:
        raise CommandError(f"--level {level}: {name} has the levels {levels.start} to {levels.stop - 1}")
    import numcodecs

    codec: Codec
    if name.startswith("blosc-"):
        codec = numcodecs.Blosc(
            cname=name.removeprefix("blosc-"), clevel=level, shuffle=numcodecs.Blosc.SHUFFLE
        )
    else:
        codec = numcodecs.Zstd(level=level) if name == "zstd" else numcodecs.Zlib(level=level)
    return codec
