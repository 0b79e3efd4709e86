"""An editor and a type checker can follow a read, and a write, from the brackets of an array down to the kernels."""

import ast
from pathlib import Path

import pytest

import zarrcy

PACKAGE = Path(zarrcy.__file__).parent
# The modules through which a selection passes on its way to the kernels.
MODULES = [
    "hierarchy/arrays.py", "hierarchy/accessors.py", "hierarchy/array_state.py", "hierarchy/array_indexing.py",
    "indexing/selection.py", "indexing/fields.py", "chunk_io/__init__.py", "chunk_io/open_chunks.py",
    "chunk_io/unsharded.py", "chunk_io/cached.py", "chunk_io/threaded.py", "chunk_io/rectilinear.py",
    "chunk_io/context.py", "chunk_io/reader.py", "chunk_io/writer.py", "chunk_io/sharding/sharded.py",
    "chunk_io/sharding/reader.py", "chunk_io/sharding/writer.py",
]  # fmt: skip
# Expression -> its type, in the order of a read. The variables are declared in PROGRAM.
READ = {
    "array.current_state()": "zarrcy.hierarchy.array_state.ArrayState",
    "array_indexing.get_selection": "def (state: zarrcy.hierarchy.array_state.ArrayState, selection: Any) -> Any",
    "state.metadata": "zarrcy.metadata.array_metadata.ArrayMetadata",
    "state.grid": "zarrcy._kernels.protocols.ChunkGrid",
    "state.planner": "zarrcy._kernels.protocols.Planner",
    "state.planner.parse_box(..., state.grid)": "zarrcy._kernels.protocols.Box | None",
    "state.planner.split_outer(box, state.grid)": "zarrcy._kernels.protocols.Plan",
    "state.planner.split_points([], state.grid)": "zarrcy._kernels.protocols.FlatPlan",
    "state.chunk_io": "zarrcy.chunk_io.ChunkIO",
    "unsharded.context": "zarrcy.chunk_io.context.ChunkContext",
    "unsharded.context.kernels": "zarrcy._kernels.protocols.Kernels",
    "reader.plan": "zarrcy._kernels.protocols.Plan",
    "reader.layout": "zarrcy._kernels.protocols.ChunkLayout",
    "kernels.gather(plan, 0, b'', reader.layout, reader.out)": "bool",
}
PROGRAM = """
from zarrcy._kernels.protocols import Box, Kernels, Plan
from zarrcy.chunk_io import ChunkIO
from zarrcy.chunk_io.reader import ChunkReader
from zarrcy.chunk_io.unsharded import UnshardedChunkIO
from zarrcy.hierarchy import array_indexing
from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.hierarchy.arrays import Array

def follow(
    array: Array, state: ArrayState, box: Box, plan: Plan, unsharded: UnshardedChunkIO, reader: ChunkReader,
    kernels: Kernels,
) -> None:
    chunk_io: ChunkIO = unsharded
"""


def annotations_of(tree):
    """Iterate over the annotations of parameters, results and variables, but those of type aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            yield node.annotation
        elif isinstance(node, ast.FunctionDef):
            args = node.args
            for arg in [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]:
                if arg is not None and arg.annotation is not None:
                    yield arg.annotation
            if node.returns is not None:
                yield node.returns


@pytest.mark.parametrize("module", MODULES)
def test_no_annotation_on_the_way_of_a_read_or_write_mentions_any(module):
    annotations = list(annotations_of(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))))
    assert annotations
    names = [
        node for annotation in annotations for node in ast.walk(annotation) if isinstance(node, ast.Name)
    ]
    assert [name.lineno for name in names if name.id == "Any"] == []


def test_a_type_checker_follows_a_read_to_the_kernels(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    program = tmp_path / "follow.py"
    program.write_text(PROGRAM + "".join(f"    reveal_type({expression})\n" for expression in READ))
    monkeypatch.chdir(PACKAGE.parent)
    output, errors, _ = api.run(["--no-error-summary", "--cache-dir", str(tmp_path / "cache"), str(program)])
    revealed = [
        line.split('Revealed type is "')[1].rstrip('"') for line in output.splitlines() if "Revealed" in line
    ]
    assert (revealed, errors) == (list(READ.values()), ""), output
