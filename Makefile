# `make` or `make help` lists what there is. Everything runs in .venv, which is made when it is needed.
PYTHON_VENV := .venv/bin/python
PORT ?= 7860
MT_BENCH ?= HuggingFaceH4/mt_bench_prompts

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

bench: .venv/.dev  ## the README's table: MT-Bench (MT_BENCH=file or Hugging Face id), 60 pictures, no speculation
	$(PYTHON_VENV) -m benchmarks.picture_prompts build/bench/pictures
	$(PYTHON_VENV) -m eagle3_viz bench --dataset $(MT_BENCH) --model smollm2-135m --baseline --json build/bench/text.json
	$(PYTHON_VENV) -m eagle3_viz bench --dataset build/bench/pictures/prompts.jsonl --model tiny-llama4 --baseline \
		--json build/bench/images.json
	$(PYTHON_VENV) -m benchmarks.tables build/bench/text.json build/bench/images.json

screenshots: .venv/.dev  ## take the README's pictures again, and those of the page's main states
	$(PYTHON_VENV) -m tests.browser.states
	$(PYTHON_VENV) -m scripts.screenshot
	$(PYTHON_VENV) -m scripts.why_pictures

.venv/.runtime: requirements.txt pyproject.toml scripts/setup.sh
	scripts/setup.sh
	touch $@

.venv/.dev: .venv/.runtime requirements-dev.txt
	scripts/setup.sh dev
	touch $@
