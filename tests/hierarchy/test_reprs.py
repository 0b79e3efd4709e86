"""Text and notebook representations of arrays: a table beside a picture of the chunk grid."""

import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy.hierarchy.chunk_grid_svg import grid_svg
from zarrcy.testing import CountingStore

SVG = "{http://www.w3.org/2000/svg}"


def table_of(html):
    """Return the rows of names and values of an HTML representation."""
    rows = [[cell.text or "" for cell in row] for row in ET.fromstring(html).iter("tr")]
    return {row[0]: row[1] for row in rows if len(row) == 2 and row[0]}


def parts_of(svg):
    """Return how many parts of each kind a picture has."""
    kinds = [part.tag.removeprefix(SVG) for part in ET.fromstring(svg)]
    return {kind: kinds.count(kind) for kind in set(kinds)}


def labels_of(svg):
    return [part.text for part in ET.fromstring(svg).iter(f"{SVG}text")]


SHAPES = [
    ((), ()),
    ((7,), (3,)),
    ((0,), (1,)),
    ((10, 7), (4, 3)),
    ((3, 0), (2, 2)),
    ((6, 4, 8), (2, 4, 3)),
    ((2, 0, 3), (1, 1, 1)),
    ((2, 3, 4, 5, 6), (1, 2, 2, 3, 4)),
]


@pytest.mark.parametrize(("shape", "chunks"), SHAPES, ids=str)
def test_a_notebook_shows_shape_chunks_and_type(shape, chunks):
    a = zarrcy.create(shape, chunks=chunks, dtype=">f4", order="F", path="g/a", store={}, read_only=True)
    rows = table_of(a._repr_html_())
    assert rows["Name"] == "/g/a"
    assert rows["Data type"] == ">f4"
    assert rows["Shape"] == str(shape)
    assert rows["Chunk shape"] == str(chunks)
    assert (rows["Order"], rows["Read-only"]) == ("F", "True")
    assert rows["No. chunks"] == str(a.nchunks)
    assert rows["Type"] == "zarrcy.Array"


@pytest.mark.parametrize(("shape", "chunks"), SHAPES, ids=str)
def test_the_html_of_an_array_is_balanced(shape, chunks):
    class Balanced(HTMLParser):
        open_tags = ()

        def handle_starttag(self, tag, attrs):
            self.open_tags = (*self.open_tags, tag)

        def handle_endtag(self, tag):
            assert self.open_tags[-1] == tag
            self.open_tags = self.open_tags[:-1]

    html = zarrcy.create(shape, chunks=chunks)._repr_html_()
    parser = Balanced()
    parser.feed(html)
    assert parser.open_tags == ()
    assert len(list(ET.fromstring(html).iter(f"{SVG}svg"))) == 1


def test_a_notebook_shows_the_rows_of_the_report_that_do_not_depend_on_chunks():
    a = zarrcy.create(
        (4, 6), chunks=3, store={}, chunk_store={}, path="a", filters=[{"id": "delta", "dtype": "<f8"}],
        synchronizer=zarrcy.ThreadSynchronizer(),
    )  # fmt: skip
    reported = dict(a.info_items())
    shown = table_of(a._repr_html_())
    assert set(reported) - set(shown) == {"No. bytes stored", "Storage ratio", "Chunks initialized"}
    assert set(shown) - set(reported) == {"No. chunks"}
    assert {name: reported.get(name, shown[name]) for name in shown} == shown


def test_names_and_data_types_are_escaped():
    a = zarrcy.zeros(3, path='<script>alert("&")</script>', dtype=[("<b>", "i4")], store={})
    html = a._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert table_of(html)["Name"] == '/<script>alert("&")</script>'
    assert table_of(html)["Data type"] == "[('<b>', '<i4')]"
    assert table_of(a.info._repr_html_())["Name"] == table_of(html)["Name"]


@pytest.mark.parametrize("kept", [True, False])
def test_a_notebook_representation_does_not_list_or_read_chunks(kept):
    class Unlisted(CountingStore):
        def __iter__(self):
            raise AssertionError("the store was listed")

        listdir = getsize = __len__ = __iter__

    a = zarrcy.create((1000, 1000), chunks=10, store=Unlisted(), cache_metadata=kept, path="a")
    a.store.counts.clear()
    a._repr_html_()
    assert a.store.gets == 0
    assert (a.store.counts["get", "document"] == 0) == kept


def test_a_view_shows_its_own_type_and_shape():
    a = zarrcy.zeros((4, 6), chunks=(2, 3), dtype="i4").view(dtype="f4", shape=(8, 3), chunks=(2, 3))
    rows = table_of(a._repr_html_())
    assert (rows["Data type"], rows["Shape"]) == ("float32", "(8, 3)")


# -- the picture -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "chunks", "n_faces", "n_lines"),
    [
        ((), (), 1, 0),
        ((7,), (7,), 1, 0),
        ((7,), (3,), 1, 2),
        ((0,), (1,), 1, 0),
        ((10, 7), (4, 3), 1, 2 + 2),
        ((10, 7), (99, 99), 1, 0),
        ((6, 4, 8), (2, 4, 3), 3, (2 + 0) + (2 + 2) + (0 + 2)),
        ((9, 6, 4, 8), (1, 2, 4, 3), 3, 8),
    ],
)
def test_there_is_a_line_at_each_chunk_edge(shape, chunks, n_faces, n_lines):
    parts = parts_of(grid_svg(shape, chunks))
    assert parts["polygon"] == n_faces
    assert parts.get("line", 0) == n_lines


def test_the_lines_are_at_the_chunk_edges():
    picture = ET.fromstring(grid_svg((10, 100), (10, 30)))
    corners = picture.find(f"{SVG}polygon").get("points").split()
    left, right = (float(corners[i].split(",")[0]) for i in (0, 1))
    at = [float(line.get("x1")) for line in picture.iter(f"{SVG}line")]
    assert np.allclose([(x - left) / (right - left) for x in at], [0.3, 0.6, 0.9], atol=0.01)
    assert all(line.get("x1") == line.get("x2") for line in picture.iter(f"{SVG}line"))


def test_the_last_three_axes_are_labelled_with_their_lengths():
    assert labels_of(grid_svg((), ())) == []
    assert labels_of(grid_svg((7,), (3,))) == ["7"]
    assert labels_of(grid_svg((8, 7), (3, 3))) == ["7", "8"]
    assert labels_of(grid_svg((9, 8, 7), (3, 3, 3))) == ["7", "8", "9"]
    assert labels_of(grid_svg((11, 10, 9, 8, 7), (3,) * 5)) == ["7", "8", "9", "the last 3 of 5 axes"]


@given(
    data=st.data(),
    shape=st.lists(st.integers(0, 20) | st.integers(0, 2**62), max_size=6).map(tuple),
)
def test_a_picture_is_small_and_stays_inside_its_frame(data, shape):
    chunks = tuple(data.draw(st.integers(1, n + 1) | st.just(1)) for n in shape)
    svg = grid_svg(shape, chunks)
    picture = ET.fromstring(svg)
    width, height = float(picture.get("width")), float(picture.get("height"))
    assert len(svg) < 30_000, "also if there are many chunks"
    assert picture.get("viewBox") == f"0 0 {picture.get('width')} {picture.get('height')}"
    for part in picture:
        xs = [part.get(name) for name in ("x", "x1", "x2") if part.get(name)]
        ys = [part.get(name) for name in ("y", "y1", "y2") if part.get(name)]
        for point in (part.get("points") or "").split():
            xs.append(point.split(",")[0])
            ys.append(point.split(",")[1])
        assert all(0 <= float(x) <= width for x in xs)
        assert all(0 <= float(y) <= height for y in ys)
