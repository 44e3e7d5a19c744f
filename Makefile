# make demo   a simulated office, served at once           make test   the whole suite
# make lint   ruff and mypy                                make lock   pin what CI installs
# make bench  printers beside a peer; many cameras         make golden rewrite the golden /metrics
# make dashboards  write Grafana's files from their source
# make docs   the references that are made from the code   make audit  known holes in what is installed
# make screenshots  pictures of the status page for the documents

# The first Python that is new enough.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
GRAFANA := tests/grafana
BROWSER := tests/browser
# Debian's packages that the tests use as real peers.
SERVERS := chromium cups-client cups-daemon cups-ipp-utils curl dbus-daemon docker-compose faketime iproute2 nftables prometheus \
	prometheus-alertmanager samba smbclient snmp snmpd systemd victoria-metrics

.DEFAULT_GOAL := help
.PHONY: help demo test lint format lock bench golden schema dashboards docs screenshots audit servers clean

help:
	@sed -n 's/^# //p' Makefile | head -n 6

demo: $(VENV)/.runtime
	@$(BIN)/printcam-exporter demo

test: $(VENV)/.dev servers $(GRAFANA)/node_modules $(BROWSER)/node_modules
	$(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/fleet.py
	$(BIN)/python -m benchmarks.exposition
	$(BIN)/python -m benchmarks.cameras

golden: $(VENV)/.dev
	$(BIN)/pytest tests/test_golden.py tests/test_ipp_printers.py tests/test_recordings.py --update-golden

schema: $(VENV)/.runtime
	$(BIN)/python -m exporter.config --schema > config.schema.json

dashboards: $(VENV)/.dev
	$(BIN)/python -m dashboards.source
docs: $(VENV)/.runtime schema
	$(BIN)/python -m docs.generate

screenshots: $(VENV)/.dev servers
	$(BIN)/python -m tests.browser.screenshots

audit: $(BIN)/python
	@test -x $(VENV)/audit/bin/pip-audit || \
		{ $(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install --quiet 'pip-audit>=2.7,<3'; }
	@$(BIN)/python requirements/audit.py $(VENV)/audit/bin/pip-audit

# Pins for the oldest Python that we support; they carry hashes and name no index.
LOCK := $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	--no-emit-trusted-host --no-emit-find-links --no-header --no-annotate --upgrade pyproject.toml
lock: $(VENV)/.dev
	$(LOCK) --extra build --output-file requirements/runtime.txt
	$(LOCK) --extra build --extra windows --output-file requirements/image.txt
	$(LOCK) --extra build --extra dev --output-file requirements/dev.txt

# With root on Debian the real servers are installed; elsewhere their tests are skipped, and listed.
servers:
	@missing=""; for package in $(SERVERS); do \
		dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	command -v npm >/dev/null || missing="$$missing npm"; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	elif [ -n "$$missing" ]; then echo "not installed, their tests are skipped:$$missing"; fi

# Grafana's published types; without npm the tests that need them are skipped, and listed.
$(GRAFANA)/node_modules: $(GRAFANA)/package-lock.json | servers
	@if command -v npm >/dev/null; then \
		echo "installing Grafana's types into $@" && \
		npm ci --prefix $(GRAFANA) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && touch $@; fi

# What looks for barriers in the pages; without npm its tests are skipped, and listed.
$(BROWSER)/node_modules: $(BROWSER)/package-lock.json | servers
	@if command -v npm >/dev/null; then \
		echo "installing axe-core into $@" && \
		npm ci --prefix $(BROWSER) --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && touch $@; fi

$(BIN)/python:
	@test -n "$(PYTHON)" || \
		{ echo "Python 3.11 or newer is needed: apt install python3 python3-venv, or make PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "installing what the exporter needs into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "installing what the tests need into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) $(GRAFANA)/node_modules $(BROWSER)/node_modules dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
