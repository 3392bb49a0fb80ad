# make screen   judge the records in fixtures/patients and fixtures/fhir as of the day their stories were written for
# make test     run the tests        make test ARGS="tests/test_layers.py -k clock"
# make lint     ruff and mypy        make format   rewrite the layout
# make bench    measure, and write benchmarks/RESULTS.md        make bench-quick   a small run, nothing written
# make bench-cohort   measure cohorts, and write benchmarks/COHORTS.md
# make bench-service   load on the service, and write benchmarks/SERVICE.md (ARGS="--soak 5" for a shorter soak)
# make knowledge-report   write rulesets/REPORT.md (ARGS=--mutants also breaks every rule on purpose)
# make durable  try again to install the durable evaluator      make spark   the same for Spark      make clean
# PYTHON=python3.12 picks the interpreter; the environment is .venv, made once.

PYTHON ?=
ARGS ?=
JOBS ?= auto
environment = @PYTHON="$(PYTHON)" scripts/environment.sh
bin = .venv/bin

.PHONY: screen test lint format bench bench-quick bench-cohort bench-service knowledge-report durable spark clean
.DEFAULT_GOAL := screen

screen:
	$(environment) run
	@$(bin)/caveat screen fixtures/patients fixtures/fhir --as-of 2026-01-15 $(ARGS)

test:
	$(environment) test
	@$(bin)/python -m pytest -n $(JOBS) $(ARGS)

lint:
	$(environment) test
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy

format:
	$(environment) test
	@$(bin)/ruff check --fix .
	@$(bin)/ruff format .

bench bench-quick:
	$(environment) bench
	@$(bin)/python -m benchmarks.run $(if $(filter bench-quick,$@),--quick) $(ARGS)

bench-cohort:
	$(environment) bench
	@$(bin)/python -m benchmarks.cohort $(ARGS)

bench-service:
	$(environment) bench
	@$(bin)/python -m benchmarks.service $(ARGS)

knowledge-report:
	$(environment) test
	@$(bin)/python -m scripts.knowledge_report $(ARGS)

durable spark:
	$(environment) $@

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
