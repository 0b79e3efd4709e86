"""Charts of a comparison as SVG: the time of each library relative to zarrcy."""

from __future__ import annotations

import io
import math
import re
from typing import Any

from benchmarks.compare import report

# Colours that also differ in brightness, for readers with impaired colour vision and for prints in grey.
COLORS = {
    "zarr 2": "#d55e00",
    "zarr 3": "#e69f00",
    "zarr 3 fused": "#b8860b",
    "zarr 3+zarrs": "#8c564b",
    "tensorstore": "#0072b2",
    "z5py": "#56b4e9",
    "h5py": "#cc79a7",
    "blosc2": "#7b68c8",
    "numpy": "#9a9a9a",
    "limit": "#6a6a6a",
}
SUBJECT_COLOR = "#009e73"
_TEXT = "#808890"  # readable on white and on black
_ROW_INCHES = 0.27


def _axes(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "svg.hashsalt": "zarrcy",
    }
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
    for spine in ("top", "right", "left"):
        axes.spines[spine].set_visible(False)
    axes.spines["bottom"].set_color(_TEXT)
    axes.tick_params(colors=_TEXT, length=0)
    axes.grid(axis="x", color=_TEXT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Any) -> str:
    import matplotlib.pyplot as plt

    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    drawn = text.getvalue()
    # For HTML: without the XML prologue, and with a width that follows the page.
    return re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", drawn[drawn.index("<svg") :], count=1)


def _times_label(value: float, _: Any = None) -> str:
    return f"{value:g}x"


def means(result: report.Result) -> dict[str, tuple[float, int]]:
    """Return, for each peer, the geometric mean of its ratios and the number of rows."""
    ratios: dict[str, list[float]] = {}
    for row in result["rows"]:
        for name, cell in row["cells"].items():
            if name != report.SUBJECT and cell.get("ratio"):
                ratios.setdefault(name, []).append(cell["ratio"])
    return {n: (math.exp(sum(map(math.log, r)) / len(r)), len(r)) for n, r in ratios.items()}


def headline(result: report.Result) -> str:
    """Draw the geometric mean of each peer as a bar."""
    ratios = {name: mean for name, mean in means(result).items() if name not in report.LIMITS}
    names = sorted(ratios, key=lambda name: ratios[name][0])
    figure, axes = _axes(8, 0.6 + 0.36 * (len(names) + 1))
    labels = [report.SUBJECT, *names]
    values = [1.0, *(ratios[name][0] for name in names)]
    colors = [SUBJECT_COLOR, *(COLORS.get(name, _TEXT) for name in names)]
    axes.barh(range(len(labels)), values, color=colors, height=0.66)
    for place, (name, value) in enumerate(zip(labels, values, strict=True)):
        rows = f"  ({ratios[name][1]} rows)" if name in ratios else ""
        axes.annotate(
            f"{value:.1f}x{rows}",
            (value, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            color=_TEXT,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, max(values) * 1.2)
    axes.xaxis.set_major_formatter(_times_label)
    axes.set_title("Time relative to zarrcy: geometric mean over all rows", color=_TEXT, loc="left")
    return _svg(figure)


def group_chart(result: report.Result, group: str) -> str:
    """Draw all rows of one group on a logarithmic scale: a dot for each peer, a line at 1 for zarrcy."""
    rows = [row for row in result["rows"] if row["group"] == group]
    peers = [peer["name"] for peer in result["peers"] if peer["name"] != report.SUBJECT]
    figure, axes = _axes(10, 1.1 + _ROW_INCHES * len(rows))
    axes.axvspan(1e-9, 1, color=SUBJECT_COLOR, alpha=0.06, linewidth=0)
    axes.axvline(1, color=SUBJECT_COLOR, linewidth=2)
    ratios = [1.0]
    for name in peers:
        points = [
            (cell["ratio"], place)
            for place, row in enumerate(rows)
            if (cell := row["cells"].get(name, {})).get("ratio")
        ]
        if not points:
            continue
        xs, ys = zip(*points, strict=True)
        is_limit = name in report.LIMITS
        ratios += () if is_limit else xs
        axes.scatter(
            [max(x, 0.02) for x in xs],
            ys,
            s=22 if is_limit else 34,
            marker={"numpy": "|", "limit": "D"}.get(name, "o"),
            color=COLORS.get(name, _TEXT),
            label=name,
            zorder=3,
            linewidths=1.2 if name == "numpy" else 0,
        )
    axes.set_yticks(range(len(rows)), [f"{row['question']}  [{row['detail']}]" for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(0.018, max(ratios) * 1.4)
    axes.xaxis.set_major_formatter(_times_label)
    axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel("time relative to zarrcy; faster than zarrcy left of the line", color=_TEXT)
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.3, 1.0), ncols=9, frameon=False, labelcolor=_TEXT, fontsize=8
    )
    return _svg(figure)
