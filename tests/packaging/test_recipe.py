"""The conda recipe, the workflows and the files about the project agree with pyproject.toml and the Makefile."""

import re
import tomllib
from pathlib import Path

import pytest

import zarrcy

REPO = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (REPO / "conda").exists(), reason="there is no source tree")
WORKFLOWS = sorted((REPO / ".github" / "workflows").glob("*.yml"))


def project():
    return tomllib.loads((REPO / "pyproject.toml").read_text())["project"]


def test_the_recipe_renders_for_each_python():
    rattler_build = pytest.importorskip("rattler_build")
    pythons = [c.rpartition(" ")[2] for c in project()["classifiers"] if re.search(r":: 3\.\d+$", c)]
    variants = rattler_build.VariantConfig(
        {"python": pythons, "c_compiler": ["gcc"], "c_stdlib": ["sysroot"]}  # as conda-forge sets them
    )
    rendered = rattler_build.Stage0Recipe.from_file(str(REPO / "conda" / "recipe.yaml")).render(variants)
    assert len(rendered) == len(pythons)
    assert {str(variant.recipe.package.version) for variant in rendered} == {zarrcy.__version__}


def test_the_recipe_has_the_bounds_of_the_project():
    recipe = (REPO / "conda" / "recipe.yaml").read_text()
    run = recipe.partition("  run:")[2].partition("tests:")[0]
    for requirement in project()["dependencies"]:
        name, bound = requirement.split(">=")
        assert f"- {name} >={bound}" in run
    assert f'version: "{zarrcy.__version__}"' in recipe
    assert f"version: {zarrcy.__version__}\n" in (REPO / "CITATION.cff").read_text()


def verbs():
    makefile = (REPO / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_verbs_of_the_makefile_and_pins_its_actions(workflow):
    text = workflow.read_text()
    called = set(re.findall(r"run: make (\w+)", text)) | {
        verb for found in re.findall(r"verb: \[(.*)\]", text) for verb in found.split(", ")
    }
    assert called <= verbs()
    runs = re.findall(r"run: (.*)", text)
    assert all(run.startswith(("make ", "apt-get ")) for run in runs)
    for action in re.findall(r"uses: (\S+)", text):
        assert action.startswith("./") or re.search(r"@[0-9a-f]{40}$", action), action
    assert "permissions: {}" in text


def test_a_release_needs_no_stored_password():
    text = (REPO / ".github" / "workflows" / "release.yml").read_text()
    assert "id-token: write" in text
    assert "secrets." not in text
