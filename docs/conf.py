"""The documentation site: ``make docs`` builds it with Sphinx and treats warnings as errors."""

import inspect
import re
from importlib import import_module
from pathlib import Path

from pygments.lexers.special import TextLexer

import zarrcy

DOCS = Path(__file__).parent
REPO = DOCS.parent
project = "zarrcy"
author = "The zarrcy developers"
release = version = zarrcy.__version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["build", "demo"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "use_edit_page_button": False,
}
html_show_sourcelink = False
myst_heading_anchors = 3
numpydoc_show_class_members = False
# an attribute in a docstring may have the name of methods of other classes
suppress_warnings = ["ref.python"]
autodoc_typehints = "none"
autodoc_member_order = "alphabetical"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

# Pages of the site that are files elsewhere in the repository.
ELSEWHERE = {
    "contributing": REPO / "CONTRIBUTING.md",
    "changelog": REPO / "CHANGELOG.md",
    "examples": REPO / "examples" / "README.md",
    "measuring": REPO / "benchmarks" / "README.md",
}
MODULES = (
    "zarrcy",
    "zarrcy.zarr3",
    "zarrcy.storage",
    "zarrcy.sync",
    "zarrcy.codecs",
    "zarrcy.errors",
    "zarrcy.testing",
)


def with_links_of_the_site(text, page, place):
    """Return the text of a page with links to other pages of the site; a link to any other file becomes its name."""
    pages = {path.resolve(): DOCS / f"{name}.md" for name, path in ELSEWHERE.items()}

    def link(match):
        label, target, anchor = match[1], match[2], match[3] or ""
        file = (page.parent / target).resolve()
        file = pages.get(file, file)
        if file == DOCS / "decisions":
            file = file / "README.md"
        if file.is_relative_to(DOCS) and file.suffix in (".md", ".svg"):
            up = len(place.parent.relative_to(DOCS).parts)
            return f"[{label}]({'../' * up}{file.relative_to(DOCS).as_posix()}{anchor})"
        return label

    return re.sub(r"(?<!!)\[([^\]]+)\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)", link, text)


def read_page(app, docname, source):
    """Replace the text of pages that are elsewhere, and the links of all pages."""
    place = DOCS / f"{docname}.md"
    if not place.exists():
        return
    page = ELSEWHERE.get(docname, place)
    source[0] = with_links_of_the_site(page.read_text() if page != place else source[0], page, place)
    if docname == "decisions/README":
        source[0] += "\n```{toctree}\n:glob:\n:hidden:\n\n0*\n```\n"


def own_objects(module):
    """Return the public names of a module that are defined in zarrcy; numcodecs documents its own codecs."""
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    objects = {name: getattr(module, name) for name in sorted(names)}
    return {
        name: value
        for name, value in objects.items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and (value.__module__ or "").startswith("zarrcy")
    }


def write_reference(app):
    """Write a page for each public module; an object that several modules export is on the page of the last one."""
    seen = {}
    for name in reversed(MODULES):
        for public, value in own_objects(import_module(name)).items():
            seen.setdefault(value, (name, public))
    for name in MODULES:
        lines = [name, "=" * len(name), "", f".. automodule:: {name}", "   :no-members:", ""]
        for public, value in own_objects(import_module(name)).items():
            home = seen[value]
            lines += [public, "-" * len(public), ""]
            if home != (name, public):
                lines += [f"See :doc:`{home[0]}`.", ""]
            elif inspect.isclass(value):
                lines += [f".. autoclass:: {name}.{public}", "   :members:", ""]
            else:
                lines += [f".. autofunction:: {name}.{public}", ""]
        page, text = DOCS / "reference" / f"{name}.rst", "\n".join(lines)
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def setup(app):
    """Connect the functions above with Sphinx."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("builder-inited", write_reference)
    app.connect("source-read", read_page)
