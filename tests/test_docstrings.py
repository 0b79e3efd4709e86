"""Public docstrings follow numpydoc. `docstrings-allowlist.txt` lists those that do not yet; it only shrinks.

Print the list as it is today with ``python tests/test_docstrings.py``.
"""

import ast
import importlib
import inspect
from collections import defaultdict
from collections.abc import MutableMapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from zarrcy.storage import capabilities

# Warnings of numpydoc and Sphinx are not about zarrcy.
pytestmark = pytest.mark.filterwarnings("ignore")
PACKAGES = ("zarrcy", "zarrcy.storage", "zarrcy.sync", "zarrcy.codecs", "zarrcy.testing")
PACKAGES += tuple(f"zarrcy.{package}" for package in ("xarray", "dask") if find_spec(package))
ALLOW_LIST = Path(__file__).with_name("docstrings-allowlist.txt")
# Checks of numpydoc that every public docstring must pass.
STYLE_CODES = {
    "GL03",  # no double blank lines
    "GL06", "GL07",  # sections that numpydoc knows, in its order
    "GL08",  # there is a docstring
    "SS01", "SS03", "SS04", "SS05",  # a summary that ends with a period, as an imperative sentence
}  # fmt: skip
CODES = STYLE_CODES | {
    "PR01", "PR02", "PR03",  # the documented parameters are those of the signature, in the same order
    "PR04", "PR06", "PR07", "PR10",  # each parameter has a type and a description
    "RT01", "RT03", "YD01",  # the result is described
}  # fmt: skip


def is_own(obj):
    """Return whether an object is defined in zarrcy; numcodecs documents its own codecs."""
    return (getattr(obj, "__module__", None) or "").startswith("zarrcy")


def function_of(member):
    """Return the function behind a property, a cached property, a class method or a static method."""
    for name in ("fget", "func", "__func__"):
        member = getattr(member, name, member)
    return member


def public_methods(cls):
    """Iterate over (name, function) for the public methods that a class defines itself.

    The methods of state machines and the test methods of `StoreContract` are left out: hypothesis and pytest call
    them, users do not.
    """
    if any(base.__name__ == "RuleBasedStateMachine" for base in cls.__mro__):
        return
    for name, member in vars(cls).items():
        function = function_of(member)
        if not name.startswith(("_", "test_")) and inspect.isfunction(function) and is_own(function):
            yield name, function


def overridden(cls, name):
    """Return whether a base of the class, or a protocol of store capabilities, has a documented method of the name."""
    protocols = [value for value in vars(capabilities).values() if inspect.isclass(value) and is_own(value)]
    bases = [*cls.__mro__[1:], *(protocols if issubclass(cls, MutableMapping) else ())]
    return any(getattr(vars(base).get(name), "__doc__", None) for base in bases)


@cache
def public_objects():
    """Return name -> whether the parameters must be documented, for public functions, classes and methods.

    A method that overrides a documented one may leave out its docstring, or the parameters and the result. Methods
    of a base class that is not public itself have the name of the first public class that inherits them.
    """
    functions, classes = {}, {}
    for package in map(importlib.import_module, PACKAGES):
        for name in package.__all__:
            obj = getattr(package, name)
            if is_own(obj) and callable(obj):
                homes = classes if inspect.isclass(obj) else functions
                homes.setdefault(obj, f"{package.__name__}.{name}")
    # Users do not construct protocols.
    found = {place: not getattr(obj, "_is_protocol", False) for obj, place in (functions | classes).items()}
    for cls, place in classes.items():
        for base in cls.__mro__:
            if not is_own(base) or (base is not cls and base in classes):
                continue
            for name, function in public_methods(base):
                if not overridden(base, name):
                    found[f"{place}.{name}"] = True
                elif function.__doc__:
                    found.setdefault(f"{place}.{name}", False)
    return dict(sorted(found.items()))


def errors_of(name):
    """Return the codes and messages of the checks that a docstring does not pass."""
    from numpydoc.docscrape import get_doc_object
    from numpydoc.validate import Validator, validate

    class ValidatorOfMethods(Validator):
        """Parse the source of methods whose docstring has lines without indentation, too."""

        def __init__(self, obj_name):
            super().__init__(get_doc_object(self._load_obj(obj_name)))

        @property
        def method_source(self):
            source = super().method_source
            try:
                ast.parse(source)
            except IndentationError:
                return ast.unparse(ast.parse(f"if True:\n{source}").body[0].body[0])
            return source

    errors = validate(name, validator_cls=ValidatorOfMethods)["errors"]
    codes = CODES if public_objects()[name] else STYLE_CODES
    return {code: message for code, message in errors if code in codes}


def allowed_codes():
    codes = defaultdict(set)
    for line in ALLOW_LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            name, *rest = line.split()
            codes[name].update(rest)
    return codes


@pytest.mark.parametrize("name", public_objects())
def test_a_public_docstring_follows_numpydoc(name):
    pytest.importorskip("numpydoc")
    errors, allowed = errors_of(name), allowed_codes()[name]
    assert not {code: message for code, message in errors.items() if code not in allowed}
    assert not allowed - set(errors), f"{name} passes these checks: remove them from {ALLOW_LIST.name}"


def test_the_allow_list_names_objects_that_exist():
    assert not set(allowed_codes()) - set(public_objects())


if __name__ == "__main__":
    print("# Checks of numpydoc that a public docstring does not pass yet. Remove entries; do not add any.")
    for public in public_objects():
        if failing := sorted(errors_of(public)):
            print(public, *failing)
