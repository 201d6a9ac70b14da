# What a newcomer types, and what CI runs. Needs only Python >= 3.11, make and git.
.DEFAULT_GOAL := help
.PHONY: help run demo fraud-report test bench load soak generate format snapshot clean

BIN := .venv/bin

help:      ## say what can be made
	@sed -n 's/^\([a-z-]*\): *## */  make \1  /p' $(MAKEFILE_LIST) | awk '{name=$$2; $$1=$$2=""; printf "  make %-13s%s\n", name, $$0}'

run:       ## start the wallet with its own PostgreSQL and Valkey, and play one checkout
	@sh tools/bootstrap.sh run
	@exec $(BIN)/python tools/foreground.py $(BIN)/wallet up --demo-checkout

demo:      ## let a year of real baskets earn by rules, close every month, prove every invariant; ATTACKS=1: under attack
	@sh tools/bootstrap.sh demo
	@exec $(if $(ATTACKS),$(BIN)/python -m loadtest.attacks.demo,$(BIN)/wallet demo)

fraud-report: ## attack a town, seeded and labelled, and say what was found, lost and wrongly stopped; SEED=7
	@sh tools/bootstrap.sh demo
	@sh tools/bootstrap.sh bench
	@exec $(BIN)/python -m loadtest.fraud --seed $(or $(SEED),7)

test:      ## formatting, lint, types, contracts, generated code and all tests
	@sh tools/bootstrap.sh test
	@exec $(BIN)/python tools/check.py

bench:     ## measure everything in one run; writes build/bench.json (SECONDS=4 TRIAL=… ONLY="batch unary")
	@sh tools/bootstrap.sh bench
	@exec $(BIN)/python -m loadtest.bench --seconds $(or $(SECONDS),4) $(if $(TRIAL),--trial $(TRIAL)) $(if $(ONLY),--only $(ONLY))

load:      ## let shoppers loose on it: USERS=50 TIME=30s; WEB=1 for a page, TARGET=host:port TOKEN=… for your own service
	@sh tools/bootstrap.sh load
	@exec $(BIN)/python -m loadtest.load --users $(or $(USERS),50) --time $(or $(TIME),30s) \
		--processes $(or $(PROCESSES),1) $(if $(WEB),--web)

soak:      ## half an hour of mixed calls, a fifth cancelled: does it stay as it was? MINUTES=30 CANCELLED=0.2
	@sh tools/bootstrap.sh bench
	@exec $(BIN)/python -m loadtest.soak --minutes $(or $(MINUTES),30) --cancelled $(or $(CANCELLED),0.2)

generate:  ## regenerate code from proto/
	@sh tools/bootstrap.sh test
	@$(BIN)/python tools/generate.py

format:    ## format the code and fix what can be fixed
	@sh tools/bootstrap.sh test
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

snapshot:  ## regenerate wallet_service/migrations/snapshot.sql
	@sh tools/bootstrap.sh test
	@$(BIN)/python tools/snapshot.py

clean:     ## remove everything made here: environment, data, caches
	@rm -rf .venv .data build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
