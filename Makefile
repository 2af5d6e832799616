# The commands of this module; CONTRIBUTING.md says when to use which.
GO       ?= go
TOOL      = $(GO) tool -modfile=.ci/tools.mod
FUZZTIME ?= 10s
COUNT    ?= 6
SHELL     = bash

.PHONY: help fmt lint test race stress soak compare fuzz cover leak vuln transparency api release-check
.PHONY: bench bench-abort bench-peers bench-profile bench-wire bench-ngx bench-scale bench-document

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

fmt: ## gofmt -s, go fix, go mod tidy
	gofmt -s -w $$(git ls-files -co --exclude-standard '*.go')
	$(GO) fix ./...
	$(GO) mod tidy

lint: ## go vet, staticcheck; errcheck of the README's programs
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	LASTBYTE_ERRCHECK=1 $(GO) test -count=1 -run TestREADME_ProgramsCheckErrors ./internal/houserules

test: ## all tests
	$(GO) test ./...
race: ## all tests under the race detector
	$(GO) test -race ./...

stress: ## the stress tests, 100 times under the race detector
	$(GO) test -race -count=100 -run Stress ./...

soak: ## SOAK=100000 mixed requests under the race detector
	LASTBYTE_SOAK=$(or $(SOAK),100000) $(GO) test -race -count=1 -timeout 1h -v -run TestSoak ./internal/stress

compare: ## random handlers compared with net/http alone for COMPARE=10m
	LASTBYTE_COMPARE=$(or $(COMPARE),10m) $(GO) test -count=1 -timeout 2h -v -run TestComparison ./internal/comparison

fuzz: ## every fuzz target for FUZZTIME
	@set -euo pipefail; pkgs=$$($(GO) list ./...); for p in $$pkgs; do list=$$($(GO) test -list '^Fuzz' "$$p"); \
		for f in $$(sed -n '/^Fuzz/p' <<<"$$list"); do echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) "$$p"; done; done

bench: ## the benchmarks into bench.txt, compared with OLD=file if given
	set -o pipefail; $(GO) test -run '^$$' -bench . -benchmem -count $(COUNT) ./internal/bench | tee bench.txt
	$(TOOL) benchstat $(OLD) bench.txt
	cd durable && $(GO) test -run '^$$' -bench . -benchtime 500x .

bench-abort: ; $(GO) test -run '^$$' -bench Abort_ -benchtime 2000x ./abort && LASTBYTE_ABORT=1 $(GO) test -count=1 -v -run 'Storm|MemoryPer' ./abort ## how soon an abort is known, and what it costs
# With ARGS=-keep the next five keep their numbers for bench-document.
PEERS = cd internal/bench/peers && $(GO) run .
bench-peers: ; $(PEERS) peers $(ARGS) ## every row beside the middlewares of others, without a server
bench-profile: ; $(PEERS) profile $(ARGS) ## where the time of these rows goes
bench-wire: ; $(PEERS) wire $(ARGS) ## the same as servers, under h2load
bench-ngx: ; $(PEERS) ngx $(ARGS) ## beside nginx with ngx_lua
bench-scale: ; $(PEERS) scale $(ARGS) ## by the number of connections, threads and tasks
bench-document: ; $(PEERS) document ## the tables and plots of docs/performance.md
cover: ## coverage of the whole module
	$(GO) test -coverpkg=./... -coverprofile=cover.out ./...
	$(GO) tool cover -func=cover.out | tail -n 1
leak: ## all tests with the goroutine leak profile
	GOEXPERIMENT=goroutineleakprofile $(GO) test -count=1 ./...
vuln: ## known vulnerabilities; asks the Go vulnerability database
	$(TOOL) govulncheck ./...
transparency: ## the suites of net/http, chi and others through lastbyte; the first time 12 minutes
	cd internal/transparency && $(GO) run . -lastbyte handler && $(GO) run . -lastbyte detach
api: ## write the public names to .ci/public, after a change that CHANGELOG.md names
	.ci/api write
release-check: ## whether VERSION=v0.1.0 can be tagged, see docs/releasing.md
	@.ci/release-check $(VERSION)
