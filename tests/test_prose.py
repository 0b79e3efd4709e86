"""Prose is plain technical English: phrases that readers stumble over do not come back (CONTRIBUTING.md, "Prose")."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
FOLDERS = ("zarrcy", "tests", "benchmarks", "docs", "examples")
FILES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    "setup.py",
    "Makefile",
)

# Phrase -> what to write instead.
PHRASES = {
    r"(?:^|[.;:,(]\s+|\band\s+|\bfor\s+|\bto\s+)who(?:ever)? (?!is\b)\w+s?\b": "name the actor: the caller, the store",
    r"\b(?<!there )(?:is|are|was|were) no (?!longer\b)": "is not a, does not have",
    r"\bshall\b": "must, will",
    r"\btold\b": "reported, documented, given",
    r"\bodd ones?\b|\bthe odd\b": "say what is different about them",
    r"\bso many\b": "give the number a name",
    r"\bin the words of\b|\bwords? (?:that|of) (?:a|the|all|each) format": "name the format's term",
    r"\b(?:some|any|no)body\b": "name the actor: another process, a user, no caller",
    r"\b(?:is|are) to be had\b": "exists, is available",
    r"\bsee to it\b": "make sure, ensure",
    r"\bthe lane\b|\bnative lane\b|\bthe general way\b": "the native path, the fallback path",
}  # fmt: skip


def sources():
    paths = [p for folder in FOLDERS for p in (REPO / folder).rglob("*")]
    paths += [REPO / name for name in FILES]
    wanted = {".py", ".pyi", ".pyx", ".pxd", ".h", ".c", ".md", ""}
    skipped = {"__pycache__", "build", "results", "cases"}
    made = {path.with_suffix(".c") for path in paths if path.suffix == ".pyx"}
    return sorted(
        path
        for path in paths
        if path.is_file() and path.suffix in wanted and not skipped & set(path.parts) and path not in made
    )


def prose_of(path):
    """Return (line number, text) for the comments and strings of a program, or for all lines of another file."""
    text = path.read_text()
    if path.suffix not in (".py", ".pyi"):
        return list(enumerate(text.splitlines(), 1))
    found = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_text = token.type == tokenize.STRING or tokenize.tok_name[token.type] == "FSTRING_MIDDLE"
        if token.type == tokenize.COMMENT or is_text:
            found += enumerate(token.string.splitlines(), token.start[0])
    return found


def words_of_test_names(path):
    """Return (line number, words) for the names of the test functions of a program."""
    if path.suffix != ".py" or "tests" not in path.parts:
        return []
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    return [(f.lineno, f.name.replace("_", " ")) for f in functions if f.name.startswith("test_")]


def phrases_in(text):
    return [
        f"{match[0].strip()!r} -> {advice}"
        for pattern, advice in PHRASES.items()
        for match in re.finditer(pattern, text, re.I)
    ]


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("Who reads an array loads less.", 1),
        ("a reader who reads on", 0),
        ("It is no chunk, and there is no file.", 1),
        ("The store shall be told.", 2),
        ("The caller holds the lock.", 0),
        ("test a store that is no mapping is rejected", 1),
    ],
)
def test_the_phrases_are_found_in_the_sentences_they_are_meant_for(text, n):
    assert len(phrases_in(text)) == n


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(REPO).as_posix())
def test_prose_is_plain_english(path):
    if path == Path(__file__):
        return
    texts = [*prose_of(path), *words_of_test_names(path)]
    found = [f"line {n}: {phrase}" for n, text in texts for phrase in phrases_in(text)]
    assert not found, "\n".join(found)
