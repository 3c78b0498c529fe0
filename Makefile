# Two commands: `make demo` trains, evaluates, exports and asks a tagger; `make test` checks it all.
# Both make .venv and install what they need; python3 (3.11 to 3.13) and make are enough.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal
QUICK := tests/test_imports.py tests/recipes/kit tests/recipes/*/test_data.py
SENTENCE := Virat Kohli and Rohit Sharma play cricket for India.

export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo check test lint types tables clean

demo: saved_models/demo/metrics.json
	@$(BIN)/rnn-zoo evaluate saved_models/demo
	@echo
	@echo '$$ rnn-zoo predict saved_models/demo "$(SENTENCE)"'
	@$(BIN)/rnn-zoo predict saved_models/demo "$(SENTENCE)"
	@echo
	@echo "The tagger is in saved_models/demo: saved_model/ (serve it with plain TensorFlow), model.keras,"
	@echo "metrics.json, history.csv, plots/, README.md (its model card). Train it on your own files with"
	@echo "  $(BIN)/rnn-zoo train ner --data YOUR_FOLDER --out saved_models/mine"

saved_models/demo/metrics.json: | $(VENV)/.recipes
	@# An interrupted demo goes on; where that cannot be, it starts again.
	@if ls saved_models/.demo.unfinished/checkpoints/*/state.json >/dev/null 2>&1 && \
		$(BIN)/rnn-zoo train ner --out saved_models/demo --resume; then :; \
	else $(BIN)/rnn-zoo train ner --out saved_models/demo --overwrite; fi

# What needs no training: the rules of imports, the kit, files and options of every recipe.
check: $(VENV)/.dev lint types
	$(PYTEST) -m "not slow and not backend" $(QUICK)

test: $(VENV)/.dev lint types
	$(PYTEST)
	@for backend in jax torch; do \
		if $(BIN)/python -c "import $$backend" 2>/dev/null; then \
			echo "== the layers and models on $$backend"; \
			KERAS_BACKEND=$$backend $(PYTEST) -m backend || exit 1; \
		else \
			echo "!! $$backend COULD NOT BE INSTALLED HERE: its backend was NOT tested !!"; \
		fi; \
	done

# The catalogue and the tables of README and docs, from the registry and the packages.
tables: $(VENV)/.dev
	$(BIN)/python -m recipes.kit.catalogue

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Python 3.11 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.recipes: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[recipes]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	-$(BIN)/python -m pip install --quiet -e '.[jax]'
	-$(BIN)/python -m pip install --quiet '$(TORCH)'
	@touch $(VENV)/.recipes $@

clean:
	rm -rf $(VENV) build *.egg-info
