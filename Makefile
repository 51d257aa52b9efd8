# Everything is installed under node_modules, Node 26 included: make, git, npm and any Node >= 20 are enough to begin.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
JEST := node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js
SCRIPT := node --disable-warning=ExperimentalWarning
INSTALLED := node_modules/.package-lock.json
SOURCES = $(shell git ls-files -co --exclude-standard '*.ts')

.DEFAULT_GOAL := help

help: ## Lists what there is.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(INSTALLED): package.json package-lock.json .npmrc
	npm ci
	@touch $@

install: $(INSTALLED) ## Installs the dependencies; every other target does it by itself.

run: $(INSTALLED) ## Serves the quick start on 127.0.0.1:8787; ARGS="-f FILE" for files of your own.
	@exec node cli/main.ts run $(ARGS)

test: $(INSTALLED) ## Runs all tests; ARGS=PATTERN for some.
	$(JEST) $(ARGS)

check: $(INSTALLED) ## Types, lint, format, architecture, drift of generated files.
	tsc -p .
	biome check --error-on-warnings .
	node scripts/generate-api-types.ts --check
	node scripts/embed-quick-start.ts --check
	node scripts/copy-crds.ts --check
	$(JEST) test/architecture.test.ts

format: $(INSTALLED) ## Formats and applies safe lint fixes.
	biome check --write .

generate: $(INSTALLED) ## Rewrites what is derived from crds/.
	node scripts/generate-api-types.ts
	node scripts/embed-quick-start.ts
	node scripts/copy-crds.ts

golden: $(INSTALLED) ## Rewrites the expected output of the golden cases; read the diff.
	GOLDEN=write $(JEST) test/operator/compile/golden test/operator/inject/golden test/operator/status/golden test/charts/golden test/cli/explain/explain test/sidecar/stream/prelude

build: dist/outrigger.cjs ## Bundles the command line into dist/outrigger.cjs.

dist/outrigger.cjs: $(INSTALLED) $(SOURCES)
	node scripts/bundle.ts
	@touch $@

image: dist/outrigger.cjs ## Builds the container image and its bill of materials, without an engine; ARGS="--tag NAME:TAG".
	node scripts/image.ts $(ARGS)

demo: dist/outrigger.cjs ## Plays the demo on a cluster of its own: chart, mock provider, sample app (root, Go, containerd).
	node test/cluster/main.ts up
	node test/cluster/demo.ts $(ARGS)

include test/cluster/cluster.mk

bench: dist/outrigger.cjs ## Measures against nginx and writes test/bench/RESULTS.md.
	node test/bench/bench.ts

fuzz: $(INSTALLED) ## The long runs: recorded streams at every byte, differential fuzz, requests among random faults.
	EVERY_BYTE=1 FUZZ=200000 $(JEST) test/sidecar/stream test/sidecar/listen/ordinary-request test/sidecar/resilience/retries

truncation: $(INSTALLED) ## Cuts every recorded stream at every byte, before a second provider; EVERY_CUT=BYTES bounds their size.
	EVERY_CUT=$(or $(EVERY_CUT),Infinity) $(JEST) test/sidecar/resilience/truncation

store: $(INSTALLED) ## Counts in a real Redis for minutes: windows in full, random interleavings, failovers; STORE_CASES=NUMBER.
	STORE_CASES=$(or $(STORE_CASES),100000) $(JEST) test/sidecar/store

store-costs: $(INSTALLED) ## Measures round trips and waits of a store, well and in trouble, and writes docs/store.md; a minute.
	$(SCRIPT) test/sidecar/store/measure.ts

limits: $(INSTALLED) ## Plays 100000 random lives of limits and budgets against a naive model; LIMIT_RUNS=NUMBER for another number.
	LIMIT_RUNS=$(or $(LIMIT_RUNS),100000) $(JEST) test/sidecar/limits/interleavings

aborts: $(INSTALLED) ## Abandons 10000 requests in all phases, and measures; ABORTS=NUMBER for another number.
	ABORTS=$(or $(ABORTS),10000) $(SCRIPT) test/sidecar/resilience/aborts.ts

day: $(INSTALLED) ## Plays a day of 20000 mixed requests and compares all accounts of it, to the token; DAY=NUMBER, SEED=NUMBER.
	DAY=$(or $(DAY),20000) SEED=$(or $(SEED),1) $(JEST) test/e2e/day

chaos: $(INSTALLED) ## Runs 200 applications among providers that flap and reloads; SECONDS=600 says for how long.
	$(SCRIPT) test/sidecar/resilience/chaos.ts $(or $(SECONDS),600)

shares: $(INSTALLED) ## Divides limits among sidecars while everything goes wrong, 100000 times; SHARES=NUMBER for another number.
	SHARES=$(or $(SHARES),100000) $(JEST) test/operator/shares/never-over

accuracy: $(INSTALLED) ## Measures limits over 1, 2 and 8 sidecars, in Redis and by shares, and writes docs/limits.md; 8 minutes.
	ACCURACY=full $(JEST) test/accuracy/accuracy

clean: ## Removes what was built; dependencies stay.
	rm -rf dist .cache

.PHONY: help install run test check format generate golden build image demo bench fuzz truncation store store-costs limits aborts chaos day shares accuracy clean
