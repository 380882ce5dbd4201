# The two commands are `make run` and `make test`; both set everything up first.
PYTHON ?= python3
BIN := .venv/bin
# Tests start hundreds of processes: none is to compile anew what the last one did.
export PYTHONDONTWRITEBYTECODE :=

# Most tests wait for other processes half of the time.
WORKERS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))

.PHONY: setup run test lint bench demo screenshots lock clean

setup: ; @$(PYTHON) scripts/setup.py

run: setup ; @$(BIN)/swarmshare start

test: lint
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='src/swarmshare/common/*,src/swarmshare/manifest/*,src/swarmshare/wire/*,src/swarmshare/swarm/*' --fail-under=100
	$(BIN)/coverage report --include='src/swarmshare/storage/*,src/swarmshare/engine/*' --fail-under=90
	$(BIN)/coverage report --include='src/swarmshare/tracker/*,src/swarmshare/schema/*' --fail-under=95
	$(BIN)/coverage report --fail-under=95

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: setup ; $(BIN)/swarmshare bench hash
demo: setup ; $(BIN)/swarmshare demo

# The pictures of the window in docs/images, from a real swarm on this machine.
screenshots: setup ; $(BIN)/python scripts/screenshots.py

# Needs uv. The lock names no index, so that it holds wherever the packages come from.
lock:
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --upgrade --quiet --output-file requirements.lock
	echo "libtorrent==2.0.11; python_version < '3.14'" | uv pip compile - --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --quiet --output-file requirements-interop.lock

clean: ; rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache dist
