# Each of `demo`, `test` and `lint` sets up what it needs, in any order, from a clean clone.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
# A wheel that the machine has, else the index of PyTorch's CPU builds, else the plain package.
TORCH = 2.13.0
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# A folder that has the reference pair already: `--models FOLDER`.
WEB_MODELS ?=
# What pytest is told besides, such as `-p randomly` or a folder.
ARGS ?=
PYTEST = $(BIN)/python -m pytest -n auto --dist loadfile
# The tests start thousands of processes: without byte code each would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage pythons lint format web web-test docs dist dist-check clean

demo: $(VENV)/.ready
	$(BIN)/edgeseal demo -o edgeseal-demo --overwrite

test: $(VENV)/.ready
	$(PYTEST) $(ARGS)

# The tests once, with the branches that they take counted, also in the processes that they start.
coverage: $(VENV)/.ready
	$(PYTEST) --cov --cov-report=term $(ARGS)

# The tests on every Python that Edgeseal supports and this machine has.
pythons:
	@failed=; for version in 3.10 3.11 3.12 3.13; do \
	  if python$$version -c '' 2> /dev/null; then \
	    $(MAKE) test PYTHON=python$$version VENV=.venv-$$version || failed="$$failed $$version"; \
	  else \
	    echo "Python $$version: not installed"; \
	  fi; \
	done; test -z "$$failed" || { echo "failed on Python$$failed"; exit 1; }

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The page for browsers; needs Node 20 and npm. What it builds is in git.
web: $(VENV)/.ready web-test
	cd web && npm run build
	$(BIN)/python tools/web_build.py $(WEB_MODELS)

web-test:
	cd web && npm ci --no-audit --no-fund && npm run check && npm test

docs: $(VENV)/.ready
	$(BIN)/mkdocs build --strict

dist: $(VENV)/.ready
	rm -rf dist
	$(BIN)/python -m build

# The demo makes the models: an installation of the wheel alone converts none.
dist-check: dist demo
	$(BIN)/python tools/check_dist.py dist edgeseal-demo

clean:
	rm -rf $(VENV) .venv-3.* edgeseal-demo dist build .coverage* .pytest_cache .mypy_cache .ruff_cache

$(VENV)/.ready: pyproject.toml constraints.txt requirements-oracle.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet 'torch==$(TORCH)+cpu' \
	  || $(BIN)/pip install --quiet --index-url $(TORCH_INDEX) 'torch==$(TORCH)' \
	  || $(BIN)/pip install --quiet 'torch==$(TORCH)'
	$(BIN)/pip install --quiet -c constraints.txt -e '.[convert,docs,evaluate,formats,npu,peers,postgres,prune,qualcomm,scan,video,view,dev]'
	$(BIN)/pip install --quiet --no-deps -r requirements-oracle.txt
	touch $@
