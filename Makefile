# `make` alone lists the targets. PYTHON=python3.13 chooses the interpreter, ARGS="…" goes to the command.

VENV ?= .venv
export PYTHON VENV
RUN := $(VENV)/bin/python -m
IMAGE ?= python:3.13-slim-trixie
# The tests mostly wait: for clocks, signals, other processes.
JOBS ?= 4
UV_COMPILE := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --constraint requirements/dev.txt
WITH_DEMO := pyproject.toml --all-extras --group app --group demo

.DEFAULT_GOAL := help
.PHONY: help demo up down secrets test chart chart-readme chart-tools test-stack test-cluster test-template template test-image lint format build bench profile bench-telemetry bench-postgres scale simulate chaos pictures lock clean app-environment environment

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: app-environment ## Run the whole system, send CSV files, show reports and traces (ARGS="--once --json FILE.csv")
	@exec $(RUN) demo $(ARGS)

up: secrets ## Build and start the deployment in containers, and wait until it is healthy
	docker compose up --detach --build --wait $(ARGS)
	@echo "The page is at http://127.0.0.1:$${API_PORT:-8000}/, Jaeger at http://127.0.0.1:$${JAEGER_PORT:-16686}/"

down: ## Stop the deployment and remove its containers (ARGS="--volumes" for what it has stored, too)
	docker compose down $(ARGS)

secrets: ## Make a password for the deployment's broker in secrets/, unless there is one
	@docker/make-secrets

test: environment chart-tools ## Run the tests, but those of containers, of the cluster and of the template, in JOBS=4 processes (ARGS="tests/unit -k name")
	@exec $(RUN) pytest --numprocesses $(JOBS) --dist loadfile --ignore tests/stack --ignore tests/cluster --ignore tests/template $(ARGS)

chart: environment chart-tools ## Check the chart: lint, render, validate, and plant mistakes that this must find
	@exec $(RUN) pytest --numprocesses $(JOBS) $(or $(ARGS),tests/chart)

chart-readme: environment chart-tools ## Make the tables of helm/README.md from the comments of helm/values.yaml
	@helm/make-readme

chaos: environment ## Harm workers, broker and connections for MINUTES=30, and see that no job is lost (ARGS="--seed 1")
	@exec $(RUN) tests.chaos --minutes $(or $(MINUTES),30) $(ARGS)

test-stack: environment ## Run the tests of the deployment: containers that are killed, restarted, stopped (needs Docker)
	@exec $(RUN) pytest $(or $(ARGS),tests/stack)

test-cluster: environment chart-tools ## Run the tests in a Kubernetes cluster: that of .ci/cluster, which needs root, or of KUBECONFIG
	@exec $(RUN) pytest $(or $(ARGS),tests/cluster)

test-image: ## Run the tests of processes in a container of IMAGE (python:3.13-slim-trixie)
	@.ci/test-image $(IMAGE) $(ARGS)

lint: environment ## Check style, types and imports
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pyright --pythonpath $(VENV)/bin/python
	if grep -q '^\[tool\.importlinter' pyproject.toml; then $(VENV)/bin/lint-imports; fi

format: environment ## Format the code and mend what can be mended
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

build: environment ## Build the wheel and the source distribution into dist/
	$(RUN) build --no-isolation

bench: environment ## Measure ours beside other job queues, in an hour or two (ARGS="--quick": ours and SAQ in two minutes)
	@exec $(RUN) benchmarks.comparison $(ARGS)

profile: environment ## Record what SAQ's worker and ours do while they drain a queue, in a minute (ARGS="--show": writes nothing)
	@exec $(RUN) benchmarks.profiling $(ARGS)

bench-telemetry: environment ## Measure what telemetry costs, in some minutes (ARGS="--jobs 1000 --rounds 3")
	@exec $(RUN) benchmarks.telemetry_cost $(ARGS)

bench-postgres: environment ## Measure ours and SAQ on Postgres, in some minutes (ARGS="--jobs 5000 --rounds 3 --show")
	@exec $(RUN) benchmarks.postgres $(ARGS)

scale: environment ## Measure what one Redis and one worker carry, in some minutes (ARGS="--jobs 2000 --rounds 1 --reports 10")
	@exec $(RUN) benchmarks.scale $(ARGS)

simulate: environment ## Simulate three days of the autoscaler's settings, with what make scale measured (ARGS="--days 1 --seed 2")
	@exec $(RUN) benchmarks.autoscaling $(ARGS)

pictures: environment ## Make the README's pictures from a real run (needs Chromium)
	@PYTHONPATH=. $(VENV)/bin/python docs/pictures.py

template: environment ## Make a project of your own from this one (DEST=../my-service NAME=my_service, FROM=address)
	@exec $(VENV)/bin/python template/make.py --dest "$(DEST)" --name "$(if $(filter command,$(origin NAME)),$(NAME))" \
		$(if $(FROM),--from "$(FROM)")

test-template: environment ## Make a project from this one and run its tests, in some minutes
	@exec $(RUN) pytest $(or $(ARGS),tests/template)

lock: environment ## Lock the requirements anew (ARGS="--upgrade" for the newest versions)
	$(subst --constraint requirements/dev.txt,,$(UV_COMPILE)) $(WITH_DEMO) --group dev $(ARGS) \
		--output-file requirements/dev.txt
	$(UV_COMPILE) $(WITH_DEMO) $(ARGS) --output-file requirements/app.txt
	$(UV_COMPILE) pyproject.toml --extra otel --group app $(ARGS) --output-file requirements/image.txt
	echo hatchling | $(UV_COMPILE) - $(ARGS) --output-file requirements/wheel.txt
	for peer in requirements/bench/*.in; do \
		$(subst --constraint requirements/dev.txt,,$(UV_COMPILE)) $$peer $(ARGS) --output-file $${peer%.in}.txt || exit; \
	done

clean: ## Remove the environment and what was built
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache

chart-tools: environment
	@requirements/chart/install.sh

app-environment:
	@requirements/install.sh app

environment:
	@requirements/install.sh dev
