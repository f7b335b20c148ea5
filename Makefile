# Every target makes the environment first, if it is not there: `make run` and `make test` work on a bare machine.
#   make run  ARGS="--port 9000"      make test  ARGS="tests/domain -k coupon"

.DEFAULT_GOAL := help
.PHONY: help run test check format bench bench-place bench-checkout bench-flash bench-kill bench-growth bench-life bench-sourcing bench-reading sim schemathesis lock clean environment
PYTHON_IN := .venv/bin/python
ARGS ?=

help:
	@echo "make run      a demo market on this machine, with a PostgreSQL of its own"
	@echo "make test     the whole suite"
	@echo "make check    format, lint, types, house rules"
	@echo "make bench    the benchmarks, each beside its floor"
	@echo "make sim      10,000 orders through a bad day: faults everywhere, kill -9, and every taka accounted for  ARGS=\"--orders 500\""
	@echo "make schemathesis  a long search for requests that break the API  ARGS=\"--max-examples 500\""
	@echo "make lock     requirements.lock from pyproject.toml"
	@echo "make clean    everything that can be made again (never haat-data/)"

environment:
	@sh ops/environment

run: environment
	$(PYTHON_IN) -m haat up --demo $(ARGS)

test: environment
	$(PYTHON_IN) -m pytest $(ARGS)

check: environment
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m mypy
	$(PYTHON_IN) -m pytest -q tests/house

format: environment
	$(PYTHON_IN) -m ruff check --fix .
	$(PYTHON_IN) -m ruff format .

bench: environment
	$(PYTHON_IN) -m haat bench $(ARGS)

bench-place: environment
	$(PYTHON_IN) -m bench.place $(ARGS)

bench-checkout: environment
	$(PYTHON_IN) -m bench.checkout $(ARGS)

sim: environment
	$(PYTHON_IN) -m bench.sim $(ARGS)

schemathesis: environment
	SCHEMATHESIS_ARGS="--max-examples 200 $(ARGS)" $(PYTHON_IN) -m pytest -q tests/faces/test_schemathesis.py

bench-flash bench-kill bench-growth bench-sourcing bench-life bench-reading: bench-%: environment
	$(PYTHON_IN) -m bench.$* $(ARGS)

# The hashes stand in the file, the place they come from does not: everybody uses their own index.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv"; exit 1; }
	uv pip compile pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
