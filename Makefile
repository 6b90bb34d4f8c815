# Two commands: `make run` (set up, then the main job) and `make test` (set up, then every test).
#
# PYTHON  the Python 3.11 to use
# TORCH   what pip is asked for first. PyPI's Linux wheels of torch bring CUDA; for the CPU build
#         of the same version:
#             make run TORCH="torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu"
# CORES   how many jobs at a time
PYTHON ?= python3.11
TORCH ?= $(shell grep '^torch==' envs/constraints.txt)
CORES ?= 4
BIN := .venv/bin

.PHONY: run test test-slow gpu-check check format readme reference clean tune baselines

run: .venv/run.stamp
	$(BIN)/snakemake --cores $(CORES) --resources gpu=1

# Files of tests side by side, the longest first (tests/conftest.py).
test: .venv/test.stamp
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-slow: .venv/test.stamp
	$(BIN)/python -m pytest -m slow

# Planned against measured memory, for random models of real shapes on a card held to 6 GiB.
gpu-check: .venv/test.stamp
	$(BIN)/python benchmarks/gpu_check.py

check: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/mypy
	$(BIN)/snakemake --lint

format: .venv/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# What the documents show of the program: the graph, the last run's scorecard, picture and ledger.
readme: .venv/run.stamp
	$(BIN)/residue rulegraph --write README.md
	$(BIN)/residue scorecard results --headlines --write README.md
	$(BIN)/residue ledger results --write docs/budget.md
	cp results/report/figures/tradeoff.svg docs/pictures/tradeoff.svg

# An equal tuning budget for every objective, on the dev countries of the last run; see docs/tuning.md.
tune: .venv/run.stamp
	$(BIN)/python benchmarks/tune.py results --write

# Defences side by side on the base of the last run: their options on dev items, and what they do.
baselines: .venv/run.stamp
	$(BIN)/python benchmarks/baseline_options.py results --write
	$(BIN)/snakemake results/defences/tables/injection.parquet --cores $(CORES) --configfile config/defences.yaml
	$(BIN)/python benchmarks/baselines.py results/defences --write

# The schema and the table of every config key, from the typed specs.
reference: .venv/run.stamp
	$(BIN)/residue reference --write

# torch comes first: asked for later, another package's range would pull in its newest build.
.venv/run.stamp: envs/constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "residue needs Python 3.11, and '$(PYTHON)' is not that: install it, or name it," \
	       "e.g. make run PYTHON=/usr/bin/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c envs/constraints.txt -e .
	touch $@

.venv/test.stamp: .venv/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c envs/constraints.txt -e '.[test,facts]'
	touch $@

clean:
	rm -rf .venv results/* .snakemake
