"""Draw the chunk grid of an array in SVG, for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TypeAlias

from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.types import Shape

Point: TypeAlias = tuple[float, float]

_LONGEST = 160.0  # length of the longest side, in pixels
_THINNEST = 24.0  # length of the shortest side, in pixels: thinner ones would be invisible
_MOST_CUTS = 24  # most lines across a side; more would blend into grey
_DRAWN_AXES = 3
_FACE = "fill:#dce6f2;stroke:#34567f;stroke-width:1.5"
_EMPTY_FACE = "fill:none;stroke:#34567f;stroke-width:1.5;stroke-dasharray:4 3"
_CUT = "stroke:#34567f;stroke-width:0.7"
_TEXT = "fill:currentColor;font:11px sans-serif"


def grid_svg(shape: Shape, chunks: Shape, axes: Sequence[AxisChunks] | None = None) -> str:
    """Draw the last three axes of an array, with lines at the chunk edges.

    If there are many chunks, only some of the lines are drawn, each at the edge of a chunk.

    Parameters
    ----------
    shape, chunks : Shape
        Shape of the array and of its chunks, in elements.
    axes : sequence of AxisChunks, optional
        Where the chunks of each axis begin. By default, all chunks have the shape `chunks`.

    Examples
    --------
    >>> grid_svg((4, 6), (2, 6)).count("<line")
    1
    """
    drawn = shape[-_DRAWN_AXES:]
    lengths = [_pixels(n, max(drawn)) for n in drawn]
    axes = tuple(map(AxisChunks.regular, chunks)) if axes is None else axes
    cuts = [_cuts(n, axis) for n, axis in zip(drawn, axes[-_DRAWN_AXES:], strict=True)]
    # draw 1-d arrays as a bar and 0-d arrays as a dot
    while len(lengths) < 2:
        lengths, cuts = [_THINNEST, *lengths], [[], *cuts]
    *depth, height, width = lengths
    slant = depth[0] / 2 if depth else 0.0
    style = _EMPTY_FACE if 0 in drawn else _FACE

    margin = 12.0 + 7 * max((len(str(n)) for n in drawn[:-1]), default=0)
    corner = (margin, 8 + slant)
    right, down, back = (width, 0.0), (0.0, height), (slant, -slant)
    parts = _face(corner, right, down, cuts[-1], cuts[-2], style)
    if depth:
        parts += _face(corner, right, back, cuts[-1], cuts[0], style)
        parts += _face(_plus(corner, right), down, back, cuts[-2], cuts[0], style)

    bottom = corner[1] + height
    if drawn:
        parts.append(_label((margin + width / 2, bottom + 16), drawn[-1], "middle"))
    if len(drawn) > 1:
        parts.append(_label((margin - 6, corner[1] + height / 2 + 4), drawn[-2], "end"))
    if depth:
        parts.append(_label((margin + slant / 2 - 6, 8 + slant / 2), drawn[0], "end"))
    if len(shape) > len(drawn):
        parts.append(_label((12, bottom + 32), f"the last {len(drawn)} of {len(shape)} axes", "start"))
        bottom += 16
    total = f"{margin + width + slant + 12:.0f}", f"{bottom + 26:.0f}"
    label = escape(f"chunks of shape {chunks} in an array of shape {shape}", quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total[0]}" height="{total[1]}" '
        f'viewBox="0 0 {total[0]} {total[1]}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )


def _pixels(n: int, longest: int) -> float:
    return max(_THINNEST, _LONGEST * (n / longest)) if longest else _THINNEST


def _cuts(n: int, axis: AxisChunks) -> list[float]:
    """Return where chunks meet along an axis, as fractions of its length; some of the places if there are many."""
    count = axis.count(n)
    step = -(-count // (_MOST_CUTS + 1)) or 1
    return [axis.start_of(i) / n for i in range(step, count, step)]


def _face(
    corner: Point, along: Point, across: Point, cuts_along: list[float], cuts_across: list[float], style: str
) -> list[str]:
    """Draw the parallelogram that two sides span at a corner, with lines across both sides."""
    far = _plus(corner, along)
    corners = (corner, far, _plus(far, across), _plus(corner, across))
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    return [
        f'<polygon points="{points}" style="{style}"/>',
        *(_line(_plus(corner, along, fraction), across) for fraction in cuts_along),
        *(_line(_plus(corner, across, fraction), along) for fraction in cuts_across),
    ]


def _plus(start: Point, step: Point, fraction: float = 1.0) -> Point:
    return start[0] + fraction * step[0], start[1] + fraction * step[1]


def _line(start: Point, step: Point) -> str:
    (x1, y1), (x2, y2) = start, _plus(start, step)
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" style="{_CUT}"/>'


def _label(at: Point, text: object, anchor: str) -> str:
    return f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" text-anchor="{anchor}" style="{_TEXT}">{text}</text>'
