# `make` or `make help` lists what there is. Everything runs in .venv, which is made when it is needed.
PYTHON_VENV := .venv/bin/python
PORT ?= 7860
PROMPTS ?= benchmarks/prompts.jsonl

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench screenshots

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.dev  ## make .venv with everything (about 4 minutes)

demo: .venv/.runtime  ## open the page on http://127.0.0.1:7860 (PORT=... for another port)
	$(PYTHON_VENV) app.py --port $(PORT)

test: .venv/.dev  ## run every test: real engine, real browser (needs chromium)
	$(PYTHON_VENV) -m pytest

check: .venv/.dev  ## format, lint, types
	$(PYTHON_VENV) -m ruff format --check .
	$(PYTHON_VENV) -m ruff check .
	$(PYTHON_VENV) -m mypy

bench: .venv/.runtime  ## acceptance of the bundled pair on benchmarks/prompts.jsonl (PROMPTS=... for others)
	$(PYTHON_VENV) -m eagle3_viz record --prompts $(PROMPTS) -o build/bench.jsonl.gz
	$(PYTHON_VENV) -m eagle3_viz stats build/bench.jsonl.gz

screenshots: .venv/.dev  ## take the README's pictures again
	$(PYTHON_VENV) -m scripts.screenshot

.venv/.runtime: requirements.txt pyproject.toml scripts/setup.sh
	scripts/setup.sh
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	scripts/setup.sh dev
	touch $@
