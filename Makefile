# Every command needs make and Python 3.12 or later; .venv is made by itself.
PYTHON := .venv/bin/python

.PHONY: help run test test-fast lint bench chaos rehearse lock

help:
	@echo "make run | test | test-fast | lint | bench | chaos | rehearse | lock"

run:
	@sh devtools/bootstrap.sh run
	@exec $(PYTHON) -m devtools.stack

PYTEST := $(PYTHON) -m pytest -n 2 --dist loadgroup --no-loadscope-reorder $(ARGS)
test:
	@sh devtools/bootstrap.sh dev
	@$(PYTHON) -m devtools.chromium
	@exec $(PYTEST)

test-fast:
	@sh devtools/bootstrap.sh dev
	@exec $(PYTEST) -m "not browser"

lint:
	@sh devtools/bootstrap.sh dev
	@exec $(PYTHON) -m devtools.lint

bench:
	@sh devtools/bootstrap.sh run
	@exec $(PYTHON) -m benchmarks $(ARGS)

rehearse:
	@sh devtools/bootstrap.sh run
	@exec $(PYTHON) -m devtools.rehearsal $(ARGS)

chaos:
	@sh devtools/bootstrap.sh dev
	@exec $(PYTHON) -m benchmarks.chaos $(ARGS)

# requirements/ from pyproject.toml: versions and hashes, no addresses.
COMPILE := $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url pyproject.toml
lock:
	@sh devtools/bootstrap.sh dev
	$(COMPILE) -o requirements/base.txt
	$(COMPILE) --group embedded -c requirements/base.txt -o requirements/run.txt
	$(COMPILE) --group embedded --group dev -c requirements/base.txt -o requirements/dev.txt
