# One word does each thing. Settings: PYTHON (to make .venv with), VENV, ARGS (for tests, bench and run), VIDEO (for demo),
# JOBS (test processes).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
JOBS ?= 2
PY := $(VENV)/bin/python
export PYTHON VENV VIDEO RECIPE TORCH_ARGS

# Nothing that we start asks the network behind the user's back.
export GRADIO_ANALYTICS_ENABLED := False
export HF_HUB_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export YOLO_OFFLINE := true

.PHONY: help demo run test fuzz lint bench bench-quality bench-taste bench-ui clean distclean system venv dev readers weights samples image-check requirements chaos

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: venv weights samples ## two real clips (or VIDEO=...) -> ranked pools, with their reasons
	@scripts/demo

run: venv weights ## the studio on http://127.0.0.1:7860
	$(PY) app.py $(ARGS)

test: dev weights samples ## all tests, or ARGS="-k name"
	@$(PY) -m curation weights fetch yolo11n_pose
	$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: dev ## the readers and protocols, for longer than tests do; MINUTES=10
	$(PY) -m tests.fuzz --minutes $(or $(MINUTES),10) $(ARGS)

lint: dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

bench: dev weights samples ## every benchmark; fails when a gate is missed
	@failed=0; for file in bench/bench_*.py; do \
	  [ -e "$$file" ] && [ "$$file" != bench/bench_ui.py ] || continue; \
	  echo "== $$file"; $(PY) -m "bench.$$(basename "$$file" .py)" $(ARGS) || failed=1; \
	done; \
	echo "== bench/quality"; $(PY) -m bench.quality || failed=1; exit $$failed

bench-quality: venv weights samples ## judgement on the labelled sets; ARGS="focus pools" for some
	-$(PY) -m bench.packaged
	$(PY) -m bench.quality $(ARGS)

bench-taste: dev weights samples ## how fast a taste is learned, who is who, export against a plain copy
	$(PY) -m bench.bench_taste $(ARGS)

bench-ui: dev weights samples ## how long people wait in the review, in Chromium; ARGS="--frames 20000" for less
	$(PY) -m bench.bench_ui $(ARGS)

chaos: dev weights samples ## kills, full disks, clock jumps, two browsers for MINUTES (30); must end clean
	@scripts/chaos --minutes $(or $(MINUTES),30) $(ARGS)

clean: ## remove what demo, tests and tools left behind; keeps .venv, models and your datastore
	rm -rf demo build dist *.egg-info test-results .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv, models and sample clips
	rm -rf $(VENV) .venv-readers samples
	find weights -mindepth 1 -not -name manifest.toml -not -name README.md -delete

system: ## the shared libraries that OpenCV and MediaPipe need
	@scripts/system-deps $(if $(wildcard $(VENV)/bin/python),,--venv)

venv: system $(VENV)/.requirements.stamp ## .venv with the pinned requirements; finds curation from any folder
	@echo "$(CURDIR)" > "$$(echo $(VENV)/lib/python3*/site-packages)/frame-curation-studio.pth"

dev: venv $(VENV)/.requirements-dev.stamp ## the same, with what tests and lint need

readers: dev .venv-readers/.requirements.stamp ## what tests read exports with, beside .venv

$(VENV)/.requirements.stamp: requirements.txt
	@scripts/make-venv requirements.txt
	@touch $@

$(VENV)/.requirements-dev.stamp: requirements-dev.txt $(VENV)/.requirements.stamp
	@scripts/make-venv requirements-dev.txt
	@touch $@

.venv-readers/.requirements.stamp: requirements-readers.txt
	@scripts/make-readers .venv-readers
	@cp $< $@

weights: venv ## the models, verified
	@$(PY) -m curation weights fetch

samples: venv ## two sample clips, verified
	@$(PY) -m curation samples

requirements: dev ## compile requirements*.txt from pyproject.toml
	@PYTHON=$(PY) scripts/compile-requirements

image-check: ## build the container image for real and run it
	scripts/image-check
