"""Write the results as an HTML page with charts, and as the tables of docs/benchmarks.md."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.compare import charts, report

_STYLE = """
:root { color-scheme: light dark; --line: #8883; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2.5rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.9rem; margin-bottom: .2rem; } h2 { margin-top: 2.6rem; }
svg { width: 100%; height: auto; }
.facts { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1.4rem 0; }
.facts div { background: var(--soft); border-radius: 10px; padding: .8rem 1.2rem; }
.facts b { display: block; font-size: 1.7rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
td.limit { opacity: .65; } small { opacity: .7; }
"""
_NOTE = (
    "Medians of calls made in turns in one process. Compare ratios; times depend on the machine. "
    "A ratio of 2.00x takes twice as long as zarrcy. numpy (memcpy, or one plain file) and limit (open and read "
    "the same files, call the codec, do not assemble the result) are limits of the machine, not libraries."
)


def standing(results: Sequence[report.Result]) -> tuple[int, int, float]:
    """Return the number of rows in which no library is faster, the number of rows, and the mean ratio to the best."""
    best = [min(ratios) for result in results for row in result["rows"] if (ratios := _peer_ratios(row))]
    mean = math.exp(-sum(map(math.log, best)) / len(best)) if best else math.nan
    return sum(ratio >= 1 - report.TIE for ratio in best), len(best), mean


def _peer_ratios(row: report.Result) -> list[float]:
    return [
        cell["ratio"]
        for name, cell in row["cells"].items()
        if name not in (report.SUBJECT, *report.LIMITS) and "ratio" in cell
    ]


def _groups(result: report.Result) -> list[str]:
    return list(dict.fromkeys(row["group"] for row in result["rows"]))


def _machines(results: Sequence[report.Result]) -> Iterator[str]:
    seen = set()
    for result in results:
        for one in result["machine"]:
            versions = ", ".join(f"{name} {version}" for name, version in one["versions"].items())
            text = f"{one['cpu']}, {one['cpus']} CPUs, {one['system']}, Python {one['python']}; {versions}"
            if text not in seen:
                seen.add(text)
                yield f"{text}; files on {one['filesystem']}"


def _cell(name: str, cell: report.Result) -> tuple[str, str]:
    """Return the text of a cell and its background colour."""
    if "median" not in cell:
        return ("failed" if "failed" in cell else "-"), ""
    if name == report.SUBJECT or "ratio" not in cell:
        return report.duration(cell["median"]), ""
    ratio = cell["ratio"]
    if name in report.LIMITS:
        return report.times(ratio), ""
    strength = min(1.0, abs(math.log10(ratio)) / 1.5) * 0.5
    color = "0 158 115" if ratio >= 1 else "213 94 0"
    shade = f"rgb({color} / {strength:.2f})" if abs(ratio - 1) > report.TIE else ""
    return report.times(ratio), shade


def page(results: Sequence[report.Result]) -> str:
    """Return the report as one HTML page without other files."""
    first, n_rows, mean = standing(results)
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>zarrcy benchmarks</title><style>{_STYLE}</style>",
        f"<h1>zarrcy, measured</h1><p>{html.escape(_NOTE)}</p>",
        "<div class='facts'>",
        f"<div><b>{first} of {n_rows}</b>rows in which no library is faster</div>",
        f"<div><b>{report.times(mean)}</b>the time of the best library of each row (geometric mean)</div></div>",
    ]
    for result in results:
        parts.append(charts.headline(result))
        if result.get("about"):
            parts.append(f"<p>{html.escape(result['about'])}</p>")
        for group in _groups(result):
            parts.append(f"<h2>{html.escape(group)}</h2>{charts.group_chart(result, group)}")
            parts.append(f"<div class='wide'>{_html_table(result, group)}</div>")
    parts.append("<h2>Machines</h2>" + "".join(f"<p>{html.escape(text)}</p>" for text in _machines(results)))
    for result in results:
        notes = [
            f"<li>{html.escape(p['name'])} {p['version']}: {html.escape(p['note'])}"
            for p in result["peers"]
            if p["note"]
        ]
        notes += [
            f"<li>not installed: {html.escape(name)} ({html.escape(why)})"
            for name, why in result["missing"].items()
        ]
        parts.append(f"<ul><small>{''.join(notes)}</small></ul>" if notes else "")
    return "\n".join(parts)


def _html_table(result: report.Result, group: str) -> str:
    names = [peer["name"] for peer in result["peers"]]
    lines = ["<table><tr><th><th>" + "".join(f"<th>{html.escape(name)}" for name in names)]
    for row in (row for row in result["rows"] if row["group"] == group):
        cells = ""
        for name in names:
            text, shade = _cell(name, row["cells"].get(name, {}))
            kind = " class='limit'" if name in report.LIMITS else ""
            style = f" style='background:{shade}'" if shade else ""
            cells += f"<td{kind}{style}>{html.escape(text)}"
        lines.append(f"<tr><td>{html.escape(row['question'])}<td>{html.escape(row['detail'])}{cells}")
    return "\n".join([*lines, "</table>"])


def document(results: Sequence[report.Result], command: str, picture: str) -> str:
    """Return the text of docs/benchmarks.md.

    Parameters
    ----------
    results : sequence of dict
        The merged results of the comparisons.
    command : str
        The command that made them.
    picture : str
        Name of the file with the first chart.
    """
    first, n_rows, mean = standing(results)
    lines = [
        "# Benchmarks",
        "",
        f"Made by `{command}`, which measures zarrcy and each installed library in turns, on the same stores. "
        "[benchmarks/README.md](../benchmarks/README.md) explains the rows.",
        "",
        *(f"* {text}" for text in _machines(results)),
        "",
        f"{_NOTE} **Bold** is faster than zarrcy by more than {report.TIE:.0%}; `-` is not offered.",
        "",
        f"In {first} of {n_rows} rows no library is faster; the time is {report.times(mean)} that of the best library "
        "of each row (geometric mean).",
        "",
        f"![Geometric mean of each library]({picture})",
        "",
    ]
    for result in results:
        for group in _groups(result):
            lines += [f"## {group.capitalize()}", "", *_markdown_table(result, group), ""]
        lines += [result["about"], ""] if result.get("about") else []
        missing = ", ".join(f"{name} ({why})" for name, why in result["missing"].items())
        lines += [f"Not measured: {missing}.", ""] if missing else []
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(result: report.Result, group: str) -> Iterator[str]:
    rows = [row for row in result["rows"] if row["group"] == group]
    names = [
        peer["name"]
        for peer in result["peers"]
        if any("median" in row["cells"].get(peer["name"], {}) for row in rows)
    ]
    yield "| | | " + " | ".join(names) + " |"
    yield "|---|---|" + "---:|" * len(names)
    for row in rows:
        cells = []
        for name in names:
            cell = row["cells"].get(name, {})
            text, _ = _cell(name, cell)
            cells.append(f"**{text}**" if report.is_faster(name, cell) else text)
        yield f"| {row['question']} | {row['detail']} | " + " | ".join(cells) + " |"


def write(results: Sequence[report.Result], folder: Path) -> Path:
    """Write the page and its charts into a folder. Return the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page(results), encoding="utf-8")
    for number, result in enumerate(results):
        for group in _groups(result):
            name = f"{number}-{group.replace(' ', '-')}.svg"
            (folder / name).write_text(charts.group_chart(result, group), encoding="utf-8")
    return path


def write_document(results: Sequence[report.Result], path: Path, command: str) -> None:
    """Write docs/benchmarks.md and its picture beside it."""
    picture = path.with_suffix(".svg")
    path.write_text(document(results, command, picture.name), encoding="utf-8")
    picture.write_text(charts.headline(results[0]), encoding="utf-8")
