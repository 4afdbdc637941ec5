# `make help` says what there is.
.DEFAULT_GOAL := help
.PHONY: help test lint check machine driver demo bench kill9 faults sftp-faults sync-kill soak under-fire generated generated-commands docs build pins clean

PYTHON ?= python3
COUNT ?= 1000
KILLS ?= 200
TOGETHER ?= 4
HOURS ?= 24
MINUTES ?= 60
BIN := .venv/bin

help: ## say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1	/p' Makefile

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

test: .venv/ready ## set everything up and run the tests, TOGETHER=4 files at once
	$(BIN)/pytest -n $(TOGETHER) --dist loadfile --no-loadscope-reorder --ignore tests/systemd
	$(BIN)/pytest tests/systemd

lint: .venv/ready ## lint, format, types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

check: lint test ## everything that a change must pass

machine: .venv/ready ## as root: a small Debian with a systemd of its own, for tests/systemd/ (kept in /var/cache)
	@$(BIN)/python -m tests.systemd.machine

driver: .venv/ready ## begin a driver (NAME=magento2): its module, simulator and test, to be filled
	@$(BIN)/python -m tests.drivers.make $(NAME)

demo: .venv/ready ## run the daemon on real-looking input until Ctrl-C (ONCE=1: end by itself)
	@$(BIN)/python benchmarks/demo.py $(if $(ONCE),--once)

bench: .venv/ready ## measure; prints the table of the README (PEERS=folder of the other tools' programs)
	@$(BIN)/python -m benchmarks.bench $(if $(PEERS),--peers $(PEERS))

kill9: .venv/ready ## kill the daemon COUNT=1000 times while it works, and count (POSTGRES=1: its store is a PostgreSQL)
	@$(BIN)/python -m tests.reliability.kill --count $(COUNT) $(if $(POSTGRES),--postgres)

faults: .venv/ready ## strike every call of one scenario, from below (COUNT=1000: so many points; TOGETHER=4 at once), and pairs of deaths
	@$(BIN)/python -m tests.reliability.faults --count $(COUNT) --pairs 144 --together $(TOGETHER)

sftp-faults: .venv/ready ## cut the link to an SFTP server at COUNT=1000 places, then kill the daemon 200 times in SFTP traffic
	@$(BIN)/python -m tests.reliability.sftp_faults --count $(COUNT)
	@$(BIN)/python -m tests.reliability.sftp_kill --count $(KILLS) $(if $(POSTGRES),--postgres)

sync-kill: .venv/ready ## kill the daemon KILLS=200 times while it does commands and keeps a shop in step, and count
	@$(BIN)/python -m tests.reliability.sync_kill --count $(KILLS) $(if $(POSTGRES),--postgres)

soak: .venv/ready ## live through HOURS=24 of 50 accounts and 100 shops within MINUTES=60; compare the end with the beginning, and count
	@$(BIN)/python -m tests.reliability.soak --hours $(HOURS) --minutes $(MINUTES)

under-fire: .venv/ready ## send COUNT=1000 pushes of each driver while a fifth of all replies is lost, and count their effects
	@$(BIN)/python -m tests.drivers.fire --count $(COUNT) $(if $(SEED),--seed $(SEED))

generated: .venv/ready ## send COUNT=1000 generated files of each format, and count the answers (SEED=1 repeats)
	@$(BIN)/python -m tests.hostile.generated --count $(COUNT) $(if $(SEED),--seed $(SEED))

generated-commands: .venv/ready ## send COUNT=1000 generated commands through the functions, drop as many at a daemon, count the answers
	@$(BIN)/python -m tests.hostile.commands --count $(COUNT) $(if $(SEED),--seed $(SEED))
	@$(BIN)/python -m tests.hostile.dropped_commands --count $(COUNT) $(if $(SEED),--seed $(SEED))

docs: .venv/ready ## write docs/codes.md anew from the tables of codes, and the README's tables of drivers
	@$(BIN)/python -m tests.codes_page > docs/codes.new && mv docs/codes.new docs/codes.md
	@$(BIN)/python -m tests.drivers.page

build: .venv/ready ## sdist, and the wheel from it, into dist/
	$(BIN)/python -m build --no-isolation

pins: .venv/ready ## work requirements.txt out anew from pyproject.toml
	$(BIN)/pip install --quiet pip-tools
	{ head -2 requirements.txt; \
	  $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras --extra test --no-header \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file - pyproject.toml; } > requirements.new
	mv requirements.new requirements.txt

clean: ## remove what was made here
	rm -rf .venv build dist demo bench .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
