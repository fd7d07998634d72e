# make report    set up, then derive, train, compare, write the reports into reports/ and what README says of them
# make test      set up, then lint, types and tests
# make bench     set up, then time it against torch and other systems; writes benchmarks/*.md
PYTHON ?= python3
BIN := .venv/bin

.PHONY: report test bench clean

report: .venv/installed
	$(BIN)/residua report --out reports
	$(BIN)/python -m residua_bridge.highlights

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -q

bench: .venv/installed-bench
	$(BIN)/python benchmarks/jacobian.py
	$(BIN)/python benchmarks/differentiation.py
	$(BIN)/python benchmarks/taylor.py
	$(BIN)/python benchmarks/ensembles.py

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/pip pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/installed-bench: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache dist
