"""The members of an object in a JSON text are found where parsing finds them, or the text is left to the parser."""

import json
import random

import pytest
from builds import on_both_kernels
from fuzz.mutations import mutate
from hypothesis import given
from hypothesis import strategies as st

from zarrcy import _kernels

LEVELS = 128


def parsed(kernels, text, path=("m",)):
    """Parse the members of an object at the spans that the kernel found; None if it found none."""
    document = text.encode()
    cut = kernels.scan_members(document, path, LEVELS)
    if cut is None:
        return None
    start, stop, spans = cut
    pieces = {name: document[span >> 32 :][: span & 2**32 - 1] for name, span in spans.items()}
    members = {name: json.loads(piece.decode()) for name, piece in pieces.items()}
    # the rest of the document is valid without them
    around = document[:start] + json.dumps(members).encode() + document[stop:]
    assert same(json.loads(around.decode()), json.loads(text))
    return members


def same(left, right):
    """Return whether two documents have the same content in the same order; NaN equals NaN."""
    return json.dumps(left) == json.dumps(right)


# -- texts that are JSON ---------------------------------------------------------------------------

letters = st.characters(codec="utf-8")
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(letters, max_size=12)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(letters, max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.text(letters, max_size=4), values, max_size=4)
spellings = st.fixed_dictionaries(
    {"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 0, 1, 4, "\t", "\r\n ", " " * 9])}
)


@st.composite
def texts(draw):
    document = draw(st.dictionaries(st.text(letters, max_size=3), values, max_size=3))
    document["m"] = draw(st.dictionaries(st.text(letters, max_size=6), objects, max_size=5))
    order = draw(st.permutations(list(document)))
    return json.dumps({name: document[name] for name in order}, **draw(spellings))


@on_both_kernels
@given(text=texts(), before=st.sampled_from(["", " ", "\n\t\r "]), after=st.sampled_from(["", " ", "\n"]))
def test_members_are_found_where_they_are(kernels, text, before, after):
    assert same(parsed(kernels, before + text + after), json.loads(text)["m"])


@on_both_kernels
@given(
    inner=st.dictionaries(st.text(letters, max_size=6), objects, max_size=3),
    around=objects,
    spelled=spellings,
)
def test_the_object_may_be_in_others_or_be_the_whole(kernels, inner, around, spelled):
    text = json.dumps({**around, "a": {**around, "b": {**around, "c": inner}}, "z": around}, **spelled)
    assert same(parsed(kernels, text, ("a", "b", "c")), inner)
    assert same(parsed(kernels, json.dumps(inner, **spelled), ()), inner)
    assert kernels.scan_members(text.encode(), ("a", "missing"), LEVELS) is None


@on_both_kernels
@pytest.mark.parametrize(
    "text",
    [
        '{"m": {"a": {}, "b": {"x": 1}, "a": {"y": 2}}}',
        '{"m": {"\\u0061": {}, "a": {"x": 1}, "\\ud800": {}, "\\"": {}}}',
        '{"\\u006d": {"a": {}}}',
        '{"m": {"a": {"n": [NaN, Infinity, -Infinity, -0, 0.0, -1.5e+7, 1E400, 12]}}}',
        '{"m": {"a": {"s": "\\b\\f\\n\\r\\t\\/\\\\\\"\\u00e9\x7f\u00e9\u0153\U0001d11e"}}}',
        '\r\n\t {"x": [[], {}, [{}]], "m" : {"a" :{ } } }\n',
        '{"m": {}}',
        '{"x": {"m": 1}, "m": {"a": {"m": 2}}}',
    ],
)
def test_unusual_texts_give_what_the_parser_gives(kernels, text):
    assert same(parsed(kernels, text), json.loads(text)["m"])


# -- texts that are not valid, or left to the parser ---------------------------------------------------------

BROKEN = [
    '', ' ', '{', '}', '{"', '{"m', '{"m"', '{"m":', '{"m":{', '{"m":{}', '{"m":{},}', '{"m":{}}x', '{"m":{}}{}',
    '{,"m":{}}', '{"m":{},,"a":1}', '{"m":{} "a":1}', "{'m':{}}", '{m:{}}', '{"m" {}}', '{"m"::{}}', '{1:2,"m":{}}',
    '{"m":{"a":{]}}', '{"m":{},"a":[}}', '{"m":{},"a":[1,]}', '{"m":{},"a":[,1]}', '{"m":{},"a":[1 2]}',
    '{"m":{},"a":{]}', '\ufeff{"m":{}}', '{"m":{}}\0', '\0{"m":{}}', '{"m":{}}\xa0', '{"m":\u2003{}}',
    '{"m":{},"a":\x0b1}',
    *(f'{{"m":{{}},"a":{bad}}}' for bad in (
        '"\n"', '"\0"', '"\x1f"', '"aaaaaaaaaaaaa\t"', '"\\', '"\\"', '"\\x"', '"\\u', '"\\u1"', '"\\u12g4"', '"\\u123',
        '"\\u123\u0661"', '01', '-', '-a', '+1', '1.', '.5', '1.e5', '1e', '1e+', '1e-x', '0x1', '\u0661', '1\u0661',
        '--1', 'nul', 'nulL', 'nullx', 'tru', 'True', 'fals', 'Na', 'NaNN', '-NaN', 'Infinit', '-Infinit', '-',
        'undefined', '1_0', '', '[', '[[', '{"', '{"a', '{"a":', '"', '\u0174rue',
    )),
]  # fmt: skip


@on_both_kernels
@pytest.mark.parametrize("text", BROKEN)
def test_invalid_json_is_not_cut(kernels, text):
    with pytest.raises(ValueError):
        json.loads(text)
    assert kernels.scan_members(text.encode(), ("m",), LEVELS) is None
    # letters of two and of four bytes
    for wider in ("\u0153", "\U0001d11e"):
        assert kernels.scan_members(f'{{"w": "{wider}", "n": {text}}}'.encode(), ("n", "m"), LEVELS) is None


@on_both_kernels
@pytest.mark.parametrize(
    "text",
    [
        '[{"m": {}}]', '"m"', "5", '{"x": {}}', '{"m": 5}', '{"m": [{}]}', '{"m": {"a": []}}',
        '{"m": {"a": {}, "a": 1}}', '{"m": {"a": null, "a": {}}}',
        '{"m": {}, "m": {}}', '{"m": {}, "\\u006d": {}}', '{"x": {"m": {}}}',
        f'{{"m": {{"a": {{"n": {"1" * 601}}}}}}}',
    ],
)  # fmt: skip
def test_texts_that_need_the_parser_are_left_to_it(kernels, text):
    json.loads(text)
    assert kernels.scan_members(text.encode(), ("m",), LEVELS) is None


@on_both_kernels
@pytest.mark.parametrize(
    "bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\x80"]
)
def test_texts_that_are_not_utf_8_are_left_to_the_parser(kernels, bad):
    for document in (
        b'{"m": {"a": {"n": "%b"}}}',
        b'{"m": {"%b": {}}}',
        b'{"%b": 1, "m": {}}',
        b'{"m": {}}%b',
    ):
        assert kernels.scan_members(document.replace(b"%b", bad), ("m",), LEVELS) is None


@on_both_kernels
def test_texts_with_too_many_levels_are_left_to_the_parser(kernels):
    def nested(levels, opened="[", closed="]"):
        return f'{{"m": {{}}, "a": {opened * (levels - 1)}{closed * (levels - 1)}}}'

    for levels in (5, 128, 256):
        for text in (nested(levels), nested(levels - 1, '{"a":', "}").replace(":}", ":[]}", 1)):
            assert kernels.scan_members(text.encode(), ("m",), levels) is not None
            assert kernels.scan_members(text.encode(), ("m",), levels - 1) is None
    for text in (nested(1_000_000), "[" * 1_000_000, '{"a":' * 1_000_000):
        assert kernels.scan_members(text.encode(), ("m",), 256) is None


@on_both_kernels
def test_more_levels_than_the_kernel_has_room_for_are_refused(kernels):
    for path, levels in (((), 257), ((), 0), (("a", "b"), 2), ((), -1)):
        with pytest.raises(ValueError, match="levels"):
            kernels.scan_members(b"{}", path, levels)


@on_both_kernels
@given(text=texts(), data=st.data())
def test_both_kernels_agree_on_truncated_and_changed_texts(kernels, text, data):
    short = text[: data.draw(st.integers(0, len(text) - 1))]
    assert kernels.scan_members(short.encode(), ("m",), LEVELS) is None
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from('{}[]",:\\/ \n\t\x00\x1f019.-+eEutfnNI\u00e9\u0153') | letters)
    changed = f"{text[:at]}{letter}{text[at + data.draw(st.integers(0, 1)) :]}"
    agree(kernels, changed.encode())


@given(seed=st.integers(0, 2**32), text=texts())
def test_both_kernels_agree_on_mutated_texts(seed, text):
    document = text.encode()
    agree(_kernels.default, mutate(random.Random(seed), document, (b'{"m": {"a": {}}}', document)))


def agree(kernels, document):
    """Assert that the kernel finds what the twin finds, and that it parses to the right members."""
    found = kernels.scan_members(document, ("m",), LEVELS)
    assert found == _kernels.reference.scan_members(document, ("m",), LEVELS)
    if found is not None:
        text = document.decode()
        assert same(parsed(kernels, text), json.loads(text)["m"])
