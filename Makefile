# `make` or `make help` lists the commands.
PYTHON ?= python3
SITE ?= gudang
VENV := .venv
BIN := $(VENV)/bin
AUDIT := $(VENV)-audit
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml infra/*/pyproject.toml devstack/pyproject.toml))

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: requirements/build.txt requirements/dev.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=..." if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) (the first time: pyspark, 434 MB)"
	@$(PYTHON) -m venv --clear $(VENV)
	@pip install --quiet --require-hashes -r requirements/build.txt
	@pip install --quiet --require-hashes --no-build-isolation -r requirements/dev.txt
	@pip install --quiet --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@# Spark's launcher names this jar twice if it knows it by its name; Java then refuses the archive of its classes.
	@cd $(VENV)/lib/python3*/site-packages/pyspark/jars && mv slf4j-api-*.jar spark-slf4j-api.jar
	@touch $@

# Its tools are not the services' own, and must not decide on their versions.
$(AUDIT)/ready: audit/requirements.txt
	@$(PYTHON) -m venv --clear $(AUDIT)
	@$(AUDIT)/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.PHONY: up
up: ## Start the stack in Docker and follow the alerts
	docker compose up --build --detach
	docker compose logs --follow spark-monitor

.PHONY: down
down: ## Stop the stack in Docker; the data stays (docker compose down -v removes it)
	docker compose --profile '*' down

.PHONY: refused
refused: ## Show the last refused messages of the stack in Docker; LAST=100 shows more
	@docker compose exec --no-TTY spark-monitor python -m spark_monitor refused --last $(or $(LAST),20)

.PHONY: alarms
alarms: ## Show how good the alarms of the stack in Docker were; MINUTES=600 looks further back than an hour
	@docker compose exec --no-TTY spark-monitor python -m spark_monitor alarms --minutes $(or $(MINUTES),60)

.PHONY: retire
retire: ## Wait no more for a sensor, or for a whole place: PLACE=G1 BY=Budi [SENSOR=suhu-7f3a] [REASON="..."]
	@docker compose exec --no-TTY spark-monitor python -m spark_monitor retire "$(PLACE)" --by "$(BY)" --reason "$(REASON)" $(if $(SENSOR),--sensor "$(SENSOR)")

.PHONY: user
user: ## Let a person act on the page of the stack in Docker: NAME=dewi [ROLE=viewer] [REMOVE=1]; it asks for a password
	@docker compose exec $$([ -t 0 ] || echo --no-TTY) web python -m web user "$(NAME)" --role "$(or $(ROLE),operator)" $(if $(REMOVE),--remove)

.PHONY: secrets
secrets: ## Make certificates and passwords for compose.secure.yaml
	@infra/make-secrets

.PHONY: rotate
rotate: ## Give the running secure stack new passwords and certificates, a cluster too; no reading is lost
	@infra/rotate

.PHONY: run
run: $(VENV)/ready ## Start the stack without Docker, as processes; Ctrl-C stops it. SITE=pabrik adds the factory
	@python -m devstack --site $(SITE)

.PHONY: check-rules
check-rules: $(VENV)/ready ## Say every mistake in the rules, or in RULES_FILE=...
	@python -m spark_monitor check-rules $(RULES_FILE)

.PHONY: test-rules
test-rules: $(VENV)/ready ## Run the rules' own tests, or those beside RULES_FILE=...
	@java="$$(python -m devstack.spark_java)" && eval "$$java" && python -m spark_monitor test-rules $(RULES_FILE)

.PHONY: test
test: ## Tests and checks of every day; sets up what it needs
	@# What is not timed runs side by side: the images are built while Python's packages are still on their way.
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target images lint test-spark test-unit
	$(MAKE) --no-print-directory test-integration test-stack test-faults

# One Maven at a time works on its local repository: who needs the jars waits for this.
.PHONY: java
java: $(VENV)/ready
	@python -m devstack.spark_java >/dev/null

.PHONY: images
images:
	@if docker info >/dev/null 2>&1; then docker compose --profile '*' build --quiet; fi

.PHONY: test-unit
test-unit: $(VENV)/ready ## Pure code, seconds
	pytest tests/unit

.PHONY: test-spark
test-spark: $(VENV)/ready java ## The DataFrame functions on small frames, a minute
	pytest tests/spark

.PHONY: test-integration
test-integration: $(VENV)/ready java ## Real Kafka and Spark as processes, minutes
	pytest tests/integration -m "not long" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15

.PHONY: test-stack
test-stack: $(VENV)/ready ## The containers, from outside, minutes; needs Docker
	pytest tests/stack/test_stack.py tests/stack/test_hardening.py tests/stack/test_image.py

.PHONY: test-long
test-long: $(VENV)/ready test-cluster ## What takes too long for `make test`: slow faults of single services, the stack behind TLS, the cluster; needs Docker
	pytest tests/integration -m long
	pytest tests/stack/test_secure.py

.PHONY: test-cluster
test-cluster: $(VENV)/ready ## Three brokers and a Spark cluster, and what of it may be lost, half an hour; needs Docker
	FAULT_RESULTS=tests/stack/faults/results-cluster.json pytest -v tests/stack -m cluster

.PHONY: test-faults
test-faults: $(VENV)/ready ## The faults that take seconds, minutes; needs Docker
	pytest -v tests/stack/faults -m "not long and not soak and not cluster"

.PHONY: faults
faults: $(VENV)/ready ## Break the stack in every known way and count what is lost, 25 minutes; needs Docker
	FAULT_RESULTS=tests/stack/faults/results.json COMPOSE_FILE=compose.yaml:tests/stack/faults/observed.yaml CHECKPOINT_MINUTES=1 pytest -v tests/stack/faults -m "not soak and not short and not cluster" --durations 40 --timeout 900

.PHONY: soak
soak: $(VENV)/ready ## Half an hour at 2,000 readings a second: does anything grow? Needs Docker
	COMPOSE_FILE=compose.yaml:tests/stack/faults/observed.yaml CHECKPOINT_MINUTES=1 pytest -v tests/stack/faults -m soak --timeout 3600

.PHONY: audit
audit: $(VENV)/ready $(AUDIT)/ready ## What is in the images: SBOMs, licences, known vulnerabilities; minutes; needs Docker
	docker compose --profile '*' build --quiet
	$(AUDIT)/bin/python -m audit --python $(BIN)/python

BENCH := $(VENV)-bench

$(BENCH)/%/ready: bench/requirements/%.txt
	@$(PYTHON) -m venv --clear $(@D)
	@$(@D)/bin/pip install --quiet --require-hashes -r $<
	@touch $@

.PHONY: bench
bench: ## Speed beside others, an hour; QUICK=1 takes 8 minutes
	@$(MAKE) --no-print-directory --jobs=2 $(VENV)/ready $(patsubst %,$(BENCH)/%/ready,quix flink bytewax plot)
	python -m bench $(if $(QUICK),quick,full)
	$(BENCH)/plot/bin/python bench/plot.py bench/out/results.json $(if $(QUICK),bench/out,docs)/bench.png

.PHONY: growth
growth: $(VENV)/ready $(BENCH)/plot/ready ## How cost grows with the rate, the warehouses, the partitions; 20 minutes
	python -m bench.growth
	$(BENCH)/plot/bin/python bench/plot_growth.py bench/out/growth.json docs/growth.png

.PHONY: bench-containers
bench-containers: $(VENV)/ready ## The stack in containers: as it is, behind TLS, as a cluster; 20 minutes; needs Docker
	python -m bench.containers

.PHONY: alarm-quality
alarm-quality: $(VENV)/ready ## A simulated day of real sensors' troubles: is every episode one incident? Seconds
	python -m bench.alarm_quality

.PHONY: schemas
schemas: $(VENV)/ready ## Write the JSON Schemas and the AsyncAPI document of the topics into docs/messages
	python -m messages.schemas docs/messages

.PHONY: lint
lint: lint-types lint-rest ## Ruff, mypy, which folder may import which, dead links

.PHONY: lint-types
lint-types: $(VENV)/ready
	mypy

.PHONY: lint-rest
lint-rest: $(VENV)/ready
	ruff check .
	ruff format --check .
	lint-imports
	pytest -q tests/docs
	python -m bench --show bench/results/full.json --within docs/performance.md
	python -m bench.alarm_quality --within docs/alarms.md

.PHONY: format
format: $(VENV)/ready ## Let Ruff put the code into form
	ruff check --fix .
	ruff format .

.PHONY: lock
lock: $(VENV)/ready ## Pin all dependencies again; UPGRADE=1 takes newer versions
	requirements/lock

.PHONY: clean
clean: ## Remove what `make run` and the tests left: state, jars, environment
	rm -rf .local $(VENV) $(AUDIT) $(VENV)-bench audit/out bench/out .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name '*.egg-info' -prune -exec rm -rf {} +
