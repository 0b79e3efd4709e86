"""Families of small programs that run on zarr-python 2 and on zarrcy, so that a test can compare their outcomes.

A family is a generator function. Each `yield` ends one program: the statements since the previous `yield` run on
their own, after the setup of the family, and the yielded value is the outcome. ::

    def row(zarr):
        return {"z": zarr.array(np.arange(10), chunks=3)}


    @family(row, step=[1, 2])
    def reading_with_steps(z, step):
        yield z[::step]      # programs 1 and 2, for both steps

        out = np.empty(2, int)
        z.get_basic_selection(slice(2), out=out)
        yield out            # programs 3 and 4

A family receives the names that its setup returns, its parameters, `zarr` (the library) and `place` (the path of a
folder that does not exist yet) by name. The process with zarr-python 2 imports these modules too, so they use only
the standard library, numpy and numcodecs. Programs are compiled with their file and line numbers: breakpoints and
tracebacks work.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

Names = dict[str, Any]


@dataclass(frozen=True)
class Program:
    """One program: a part of a family with one combination of its parameters."""

    family: Family
    part: int
    combination: int

    def __str__(self) -> str:
        values = self.family.combinations[self.combination]
        parameters = "".join(f"{name}={value!r}; " for name, value in values.items())
        return f"{self.family.name}: {parameters}{self.family.texts[self.part]}"

    @property
    def address(self) -> list[str | int]:
        """Module, family, part and combination, from which another process finds the program."""
        return [self.family.module, self.family.name, self.part, self.combination]

    def run(self, zarr: ModuleType, place: str) -> Any:
        """Run the setup and the program; return the outcome."""
        names = {"zarr": zarr, "place": place, **self.family.combinations[self.combination]}
        for setup in self.family.setups:
            names |= _call(setup, names)
        return _call(self.family.functions[self.part], names)


class Family:
    """The programs of a generator function, see the documentation of the module.

    Parameters
    ----------
    function : generator function
        Its docstring is not used.
    setups : sequence of callable
        Each returns a dict of names for the setups after it and for the programs.
    reason : str
        Why the outcomes differ from those of zarr-python 2; empty if they must be the same.
    parameters : mapping of str to sequence
        Values of each parameter.
    """

    def __init__(
        self,
        function: Callable[..., Iterator[Any]],
        setups: Sequence[Callable[..., Names]],
        reason: str,
        parameters: Mapping[str, Sequence[Any]],
    ) -> None:
        self.module, self.name = function.__module__.rpartition(".")[2], function.__name__
        self.setups, self.reason = setups, reason
        self.combinations = [
            dict(zip(parameters, values, strict=True)) for values in itertools.product(*parameters.values())
        ]
        parts = list(_parts(function))
        self.texts = [_text(statements) for statements in parts]
        self.functions = [_compile(function, statements) for statements in parts]

    def __iter__(self) -> Iterator[Program]:
        for part, combination in itertools.product(range(len(self.functions)), range(len(self.combinations))):
            yield Program(self, part, combination)


def family(
    *setups: Callable[..., Names], reason: str = "", **parameters: Sequence[Any]
) -> Callable[[Callable[..., Iterator[Any]]], Family]:
    """Make a family of a generator function; see `Family` for the parameters."""
    return lambda function: Family(function, setups, reason, parameters)


def find_program(module: str, name: str, part: int, combination: int) -> Program:
    """Return the program with an address."""
    return Program(getattr(import_module(f"{__package__}.{module}"), name), part, combination)


def families_of(module: ModuleType) -> list[Family]:
    """Return the families of a module, in the order of their definition."""
    return [value for value in vars(module).values() if isinstance(value, Family)]


def _call(function: Callable[..., Any], names: Names) -> Any:
    return function(**{name: names[name] for name in inspect.signature(function).parameters})


def _parts(function: Callable[..., Iterator[Any]]) -> Iterator[list[ast.stmt]]:
    """Cut the body of a generator function behind each `yield`; turn the last statement of a part into `return`."""
    tree = ast.parse(inspect.getsource(function))
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    statements: list[ast.stmt] = []
    for statement in definition.body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield):
            outcome = ast.Return(statement.value.value)
            yield [*statements, ast.copy_location(outcome, statement)]
            statements = []
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            statements.append(statement)
    assert not statements, f"{function.__name__}: the last program has no yield"


def _text(statements: list[ast.stmt]) -> str:
    return "; ".join(ast.unparse(statement) for statement in statements).replace("return ", "")


def _compile(function: Callable[..., Iterator[Any]], statements: list[ast.stmt]) -> Callable[..., Any]:
    template = ast.parse(f"def {function.__name__}({', '.join(inspect.signature(function).parameters)}): ...")
    definition = template.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body = statements
    names: Names = {}
    code = compile(ast.fix_missing_locations(template), function.__code__.co_filename, "exec")
    exec(code, function.__globals__, names)
    compiled: Callable[..., Any] = names[function.__name__]
    return compiled
