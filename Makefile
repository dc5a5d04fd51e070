# `make demo` and `make test` do all their own set-up; `make clean` undoes everything that was made here.
PYTHON ?= python3
BASE := .venv
DEV := .venv-dev
FEDERATED := .venv-federated
INSTALL := -m pip install --quiet --disable-pip-version-check
PIP := $(INSTALL) -c constraints.txt

# Not "npm ci": it wants a package of Windows in the list of exact versions, which not every registry has.
WEB_INSTALL := cd web && npm install --no-save --silent --no-fund --no-audit
WEB_CHROMIUM := command -v chromium || command -v chromium-browser || command -v google-chrome || command -v google-chrome-stable

.PHONY: demo check test test-web test-federated lint bench container install-check clean

demo: $(BASE)/ready
	$(BASE)/bin/mien predict examples --annotate out --json out/faces.json
	@echo "The annotated pictures and faces.json are in out/"

check: $(DEV)/ready lint
	$(DEV)/bin/python -m pytest -n 2 -q -m "not slow and not browser and not ray"

test: $(DEV)/ready lint
	@$(DEV)/bin/python tests/helpers/fetch_chromium.py
	$(DEV)/bin/python -m pytest -n 2
	@$(MAKE) --no-print-directory test-web

test-web:
	@if ! command -v npm >/dev/null; then echo "the browser package's own tests were left out: no Node was found"; \
	elif ! ($(WEB_INSTALL)); then echo "the browser package's own tests were left out: npm could not install what they need"; \
	elif ($(WEB_CHROMIUM)) >/dev/null; then cd web && npm test --silent; \
	else echo "no Chromium: the browser package is built and its units are tested"; \
	cd web && for part in lint types build unit; do npm run --silent $$part || exit 1; done; fi

test-federated: $(FEDERATED)/ready
	$(FEDERATED)/bin/python -m pytest tests/federated

lint: $(DEV)/ready
	$(DEV)/bin/ruff check src tests benchmarks examples notebooks
	$(DEV)/bin/ruff format --check src tests benchmarks examples notebooks
	$(DEV)/bin/mypy

container:
	$(PYTHON) .ci/container.py

install-check:
	$(PYTHON) .ci/install.py

bench: $(DEV)/ready
	$(DEV)/bin/python -m benchmarks

$(BASE)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BASE)
	@echo "Installing mien and what it needs (no torch) into $(BASE)"
	$(BASE)/bin/python $(PIP) -e .
	touch $@

$(DEV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	@echo "Installing the development environment into $(DEV)"
	$(DEV)/bin/python $(PIP) -e '.[dev]'
	touch $@

$(FEDERATED)/ready: pyproject.toml constraints-federated.txt
	$(PYTHON) -m venv $(FEDERATED)
	@echo "Installing federated training, whose pins fight with the others', into $(FEDERATED)"
	$(FEDERATED)/bin/python $(INSTALL) -c constraints-federated.txt -e '.[federated]' pytest hypothesis
	touch $@

clean:
	rm -rf $(BASE) $(DEV) $(FEDERATED) .azurite web/node_modules web/dist out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +
