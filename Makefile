# The verbs of the project. `make help` lists them. Each verb creates the environments that it needs.
PYTHON ?= python3
# `make test PYTHON=python3.13` has an environment of its own.
VENV := .venv$(if $(filter python3 python,$(notdir $(PYTHON))),,-$(notdir $(PYTHON)))
ZARR2 := .venv-zarr2
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := setup.py pyproject.toml $(wildcard zarrcy/_kernels/*.pyx zarrcy/_kernels/*.pxd zarrcy/_kernels/*.h)
KERNELS := $(subst /,.,$(patsubst %.pyx,%,$(wildcard zarrcy/_kernels/_*.pyx)))
PYTEST_ARGS ?=
BENCH_ARGS ?=
COVERAGE_TESTS ?= tests --ignore tests/interop
ASV_ARGS ?=

.PHONY: help demo test slow writers fuzz kill soak differential check checked coverage sanitize pure oldest system bench instructions asv docs dist wheel wheels recipe clean
.DEFAULT_GOAL := help

help:  ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Built in place, so that a change of a Python file needs no new build. The kernels are compiled once: an extra adds
# packages to this build. The target has-test installs the extra `test`.
BUILD_NEEDS := 'setuptools>=77' 'cython>=3.1' 'numpy>=2.0' 'blosc2>=4'

$(VENV)/built: $(BIN)/python $(SOURCES)
	$(PIP) install $(BUILD_NEEDS)
	$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/has-%: $(VENV)/built
	$(PIP) install 'zarrcy[$*]'
	@touch $@

$(ZARR2)/built:
	$(PYTHON) -m venv $(ZARR2)
	$(ZARR2)/bin/python -m pip --disable-pip-version-check --quiet install 'zarr==2.18.7' 'numcodecs<0.16' msgpack lmdb fsspec
	@touch $@

demo: $(VENV)/has-demo  ## build, import real climate data, compare them with h5py, draw a map
	$(BIN)/python docs/demo/warming.py --output demo-output

test: $(VENV)/has-test $(ZARR2)/built  ## build and run all tests and the examples in docstrings
	$(BIN)/pytest $(PYTEST_ARGS)

fuzz: $(VENV)/has-fuzz  ## hostile input for ten minutes: mutated inputs for all targets, atheris for parsers and chunks
	PYTHONPATH=tests $(BIN)/python -m fuzz.run --inputs 1000000 --seconds 300 --memory 8192 --seed $$(date +%s)
	$(foreach target,v2 v3 chunk shard n5,PYTHONPATH=tests $(BIN)/python -m fuzz.run --atheris $(target) build/fuzz/$(target) -max_total_time=60 &&) true

kill: $(VENV)/has-test  ## kill 500 writers at random moments and check what they leave
	PYTHONPATH=tests $(BIN)/python -m crashes --kills 500 --seed $$(date +%s)

soak: $(VENV)/has-test  ## ten minutes of random operations compared with NumPy; watch memory and open files
	PYTHONPATH=tests $(BIN)/python -m soak --seconds 600 --seed $$(date +%s)

differential: $(VENV)/has-test  ## 100,000 operations on arrays of each format, each compared with a NumPy model
	PYTHONPATH=tests $(BIN)/python -m differential --operations 100000 --seed $$(date +%s)

slow: $(VENV)/has-test  ## the tests that take minutes: thousands of steps, a GiB of data
	$(BIN)/pytest -m slow $(PYTEST_ARGS)

writers: $(VENV)/has-writers  ## exchange stores with GDAL, netCDF-C, tensorstore, zarrs, acquire, pandas and xarray
	$(BIN)/pytest -m writers tests/interop/test_writers.py $(PYTEST_ARGS)
	$(BIN)/pytest tests/hierarchy/test_texts_and_columns.py tests/indexing/test_arrays_of_other_libraries.py $(PYTEST_ARGS)

check: $(VENV)/has-check  ## style, types, public docstrings, and whether the stubs match the compiled kernels
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(BIN):$$PATH" $(BIN)/cython-lint zarrcy
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/stubtest-allowlist.txt --ignore-unused-allowlist $(KERNELS)
	$(BIN)/pytest -q tests/test_docstrings.py

# Build into build/NAME and run the tests on that build instead of the one in place.
define test_build
	rm -rf build/$(1)
	$(PIP) install $(BUILD_NEEDS)
	$(2)=1 $(PIP) install --no-deps --no-build-isolation --target build/$(1) .
	$(2)=1 PYTHONPATH=build/$(1) $(BIN)/pytest tests --ignore tests/interop $(PYTEST_ARGS)
endef

checked: $(VENV)/has-test  ## run the tests on kernels with bounds checks
	$(call test_build,checked,ZARRCY_CHECKED)

# The plugin of coverage.py finds the lines of a kernel in the C file beside its .pyx file. `coverage run FILE` keeps
# the current folder, which has the kernels in place, out of the import path.
coverage: $(VENV)/has-coverage  ## measure the coverage of Python and of the kernels; an HTML report in build/coverage-html
	rm -rf build/coverage build/coverage-html
	$(PIP) install $(BUILD_NEEDS)
	ZARRCY_COVERAGE=1 $(PIP) install --no-deps --no-build-isolation --target build/coverage .
	cp zarrcy/_kernels/*.c build/coverage/zarrcy/_kernels/
	PYTHONPATH=$(CURDIR)/build/coverage $(BIN)/coverage run $(BIN)/pytest $(COVERAGE_TESTS) $(PYTEST_ARGS)
	$(BIN)/coverage html
	$(BIN)/coverage report --skip-covered

# Python starts with the libraries of the sanitizers preloaded. Leaks are not reported, because Python itself never
# frees some memory. PYTHONSAFEPATH keeps the kernels in place out of the import path.
SANITIZED := LD_PRELOAD="$$(gcc -print-file-name=libasan.so):$$(gcc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:abort_on_error=1:quarantine_size_mb=64 \
	UBSAN_OPTIONS=print_stacktrace=1 PYTHONSAFEPATH=1 PYTHONPATH=build/sanitize:tests
SANITIZED_TESTS := $(wildcard tests/kernels/test_*.py tests/chunk_io/test_native_*.py) tests/chunk_io/test_partial_reads.py tests/chunk_io/test_shards.py \
	tests/chunk_io/test_blank_results.py tests/storage/test_directory_store.py tests/test_fuzz_regressions.py
FUZZ_INPUTS ?= 100000

sanitize: $(VENV)/has-test  ## run the kernel tests and hostile input under the address and undefined-behaviour sanitizers
	rm -rf build/sanitize
	$(PIP) install $(BUILD_NEEDS)
	ZARRCY_SANITIZE=1 $(PIP) install --no-deps --no-build-isolation --target build/sanitize .
	$(SANITIZED) $(BIN)/pytest $(SANITIZED_TESTS) $(PYTEST_ARGS)
	$(SANITIZED) $(BIN)/python -m fuzz.run --inputs $(FUZZ_INPUTS)

pure: $(VENV)/has-test  ## run the tests on a build without compiled kernels
	$(call test_build,pure,ZARRCY_PURE)

bench: $(VENV)/has-bench $(ZARR2)/built  ## compare with each installed library, in turns; write a page with charts and docs/benchmarks.md
	$(BIN)/python -m benchmarks.compare.run --zarr2-python $(ZARR2)/bin/python --docs docs/benchmarks.md $(BENCH_ARGS)

instructions: $(VENV)/has-test  ## count machine instructions with valgrind: make instructions BENCH_ARGS="--before DIR"
	$(BIN)/python benchmarks/instructions.py $(BENCH_ARGS)

asv: $(VENV)/has-bench  ## time zarrcy over its history, or only this version: make asv ASV_ARGS="--quick"
	$(BIN)/asv machine --yes --config benchmarks/asv/asv.conf.json
	$(BIN)/asv run --environment existing:$(CURDIR)/$(BIN)/python --set-commit-hash $(shell git rev-parse HEAD) --config benchmarks/asv/asv.conf.json $(ASV_ARGS)

docs: $(VENV)/has-docs  ## the documentation site, in docs/build; warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet -b html docs docs/build

# The oldest versions of what a user installs, with the kernels of the newest NumPy: they run with all versions.
oldest: $(VENV)/built  ## run the tests with the oldest versions that pyproject.toml allows
	$(PYTHON) -m venv .venv-oldest
	$(BIN)/python tests/packaging/oldest.py > .venv-oldest/requirements.txt
	.venv-oldest/bin/python -m pip --disable-pip-version-check --quiet install -r .venv-oldest/requirements.txt
	PYTHONPATH=$(CURDIR) .venv-oldest/bin/python -m pytest tests --ignore tests/interop $(PYTEST_ARGS)

system:  ## run the tests on a build with the shared codec libraries of the system, which pkg-config finds
	rm -rf build/system
	$(PYTHON) -m venv build/system
	build/system/bin/python -m pip --disable-pip-version-check --quiet install 'setuptools>=77' 'cython>=3.1' 'numpy>=2.0' 'pytest>=8' 'hypothesis>=6.100'
	build/system/bin/python -m pip --disable-pip-version-check --quiet install --no-build-isolation .
	cd build/system && bin/python -c "import zarrcy; assert 'LZ4' in zarrcy.show_config('dicts')['libraries of the native path']"
	PYTHONSAFEPATH=1 build/system/bin/python -m pytest tests/kernels tests/codecs tests/chunk_io $(PYTEST_ARGS)

dist: $(VENV)/has-release  ## the source distribution, in dist/
	$(BIN)/python -m build --sdist
	$(BIN)/twine check --strict dist/*.tar.gz

# One wheel for this machine, and what a release checks of wheels. `auditwheel` exists for Linux only.
wheel: $(VENV)/has-release  ## a wheel in dist/, tested in an empty environment without a compiler
	rm -rf build dist/*.whl
	$(BIN)/python -m build --wheel
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/twine check --strict dist/*.whl
	$(BIN)/check-wheel-contents dist/*.whl
	if [ "$$(uname)" = Linux ]; then $(BIN)/auditwheel show dist/*.whl; fi
	ZARRCY_WHEEL="$$(echo dist/*.whl)" $(BIN)/pytest -m slow tests/packaging/test_wheel.py

wheels: $(VENV)/has-release  ## wheels for each Python, in containers, as [tool.cibuildwheel] says
	$(BIN)/cibuildwheel --output-dir dist

recipe: $(VENV)/has-release  ## render the conda recipe, and lint the workflows
	$(BIN)/pytest tests/packaging/test_recipe.py
	$(BIN)/zizmor --offline --min-severity medium .github/workflows

clean:  ## remove everything that was built
	rm -rf .venv .venv-* build dist demo-output docs/build docs/reference/zarrcy*.rst *.egg-info zarrcy/_kernels/*.c zarrcy/_kernels/*.so
