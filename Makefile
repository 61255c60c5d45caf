# What scripts and people run. Every target makes the virtual environment it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Tests and checks see the sources as they are; the stamp is renewed when the dependencies change.
STAMP := $(VENV)/.installed
SERVICES_DATABASE ?= postgres://postgres:postgres@127.0.0.1:5432/onefile_sync
MARIADB_DATABASE ?= mysql://root@127.0.0.1:3306/onefile_sync
REDIS ?= redis://127.0.0.1:6379/0
# Many processes are started here, and each but the first finds the bytecode that it needs.
unexport PYTHONDONTWRITEBYTECODE
WORKERS := --numprocesses auto --dist worksteal
# Every case of tests/reliability, of which "make test" runs a part on SQLite.
RELIABILITY_IN_FULL := HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(WORKERS) -m 'not services' tests/reliability

.PHONY: help demo test coverage quick test-exhaustive check test-services test-mariadb versions test-browser reliability bench docs clean

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: set PYTHON to its path.")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test,services,check,docs]'
	touch $(STAMP)

demo: $(STAMP) ## a PICSWeb and a OneFile to click through, until Ctrl-C
	$(BIN)/python manage.py demo

test: $(STAMP) ## the test suite
ifdef MEASURED
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
else
	$(BIN)/pytest $(WORKERS)
endif

coverage: ## the same, and which branches of the package it reaches: measuring doubles the time
	$(MAKE) test MEASURED=yes

quick: $(STAMP) ## the rules, and the tests of what was changed since main
	$(BIN)/python -m tests.quick

# Of tests/reliability, the database matters to these two, which are run in full on PostgreSQL and MariaDB.
ON_SERVERS := --ignore tests/reliability/test_fault_matrix.py --ignore tests/reliability/test_state_machine.py

test-exhaustive: $(STAMP) ## what "make test" runs a part of, and more examples
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(WORKERS) $(ON_SERVERS) -m 'exhaustive or hypothesis'

check: $(STAMP) ## lint, types, import rules, names, missing migrations, deployment, API schema, docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_names.py
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	DJANGO_SETTINGS_MODULE=example_project.settings_production SECRET_KEY="$$(head -c 48 /dev/urandom | base64)" \
	ALLOWED_HOSTS=picsweb.example DATABASE_URL=sqlite://:memory: \
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null
	$(MAKE) docs

docs: $(STAMP) ## the documentation, with every warning an error
	$(BIN)/sphinx-build --quiet -W --keep-going docs docs/_build

test-services: $(STAMP) ## what needs PostgreSQL and Redis (SERVICES_DATABASE, REDIS)
	DATABASE_URL=$(SERVICES_DATABASE) REDIS_URL=$(REDIS) $(BIN)/pytest -m services
	DATABASE_URL=$(SERVICES_DATABASE) $(RELIABILITY_IN_FULL)

test-mariadb: $(STAMP) ## the same on MariaDB, with a part of the fault matrix (MARIADB_DATABASE, REDIS; builds its driver with the client library)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[mariadb]'
	DATABASE_URL=$(MARIADB_DATABASE) REDIS_URL=$(REDIS) $(BIN)/pytest -m services
	DATABASE_URL=$(MARIADB_DATABASE) HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(WORKERS) \
	-m 'not services and not exhaustive' tests/reliability tests/test_migrations.py

versions: $(STAMP) ## the core of the suite with every Python and Django that is supported
	$(BIN)/nox

reliability: $(STAMP) ## the long fault, kill and budget runs, with their figures (up to two hours; needs PostgreSQL and Redis)
	RELIABILITY=long $(RELIABILITY_IN_FULL) tests/linking/test_linking_faults.py
	RELIABILITY=long DATABASE_URL=$(SERVICES_DATABASE) REDIS_URL=$(REDIS) $(BIN)/pytest -m services tests/reliability

bench: $(STAMP) ## what a daily sync costs, beside the usual way: table, bars and plot (an hour; needs PostgreSQL)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	DATABASE_URL=$(SERVICES_DATABASE) $(BIN)/python -m benchmarks

test-browser: $(STAMP) ## the pages in headless Chromium
	$(BIN)/pytest -m browser

clean:
	rm -rf $(VENV) .nox docs/_build .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
