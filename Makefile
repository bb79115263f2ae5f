# What a developer types. "make" alone lists it. .ci/run calls "make test" and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The product is pure Go; only the race detector needs a C compiler, and turns this on for itself.
export CGO_ENABLED := 0
# The version comes from git below, so that a checkout owned by somebody else still builds.
export GOFLAGS := $(strip $(GOFLAGS) -mod=readonly -buildvcs=false)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
# Without the symbol table and debug data, as the image: a third smaller. Stack traces do not need them.
LDFLAGS := -s -w $(if $(VERSION),-X github.com/relay-events/relay/internal/config.Version=$(VERSION))
FUZZTIME ?= 10s
DURATION ?= 1h
SEED ?= 0

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/relay
	@echo 'building bin/relay, about two minutes the first time'
	@go build -trimpath -ldflags '$(LDFLAGS)' -o bin/relay ./cmd/relay

.PHONY: run
run: build ## build and run the demo, and open the dashboard with sample events arriving
	@exec bin/relay demo --open

# The time limits are per package and several times what the slowest takes, so they only end what hangs.
.PHONY: test
test: bin/tools/golangci-lint bin/tools/gotestsum ## everything: format, vet, lint, all tests, most of them under the race detector
	@exec tools/test

# What a change needs before it is shown to others, without installing anything. The tests are those of
# the packages without databases, programs and servers.
CHECKED := ./internal/access/... ./internal/config/... ./internal/event/... ./internal/filter/... ./internal/format/... \
	./internal/nearest/... ./internal/problem/... ./internal/signing/... ./internal/statusline/... ./internal/deps/... ./receiver/...

.PHONY: check
check: ## format, vet and short tests, about a minute; installs nothing
	@bad=$$(gofmt -l cmd client internal receiver | grep -v testdata || true); [ -z "$$bad" ] || { echo "gofmt these files: $$bad"; exit 1; }
	@go vet ./cmd/... ./client/... ./internal/... ./receiver/...
	@go test -short -timeout 5m $(CHECKED)

.PHONY: lint
lint: bin/tools/golangci-lint ## golangci-lint alone
	@bin/tools/golangci-lint run

.PHONY: document-test
document-test: ## public linters, generators of clients and receivers against Relay; alert rules; takes ten minutes
	@exec tools/document-test

.PHONY: assets
assets: ## build the files of the dashboard's pages anew
	@npm ci --prefix tools/assets --ignore-scripts --no-audit --no-fund --silent
	@go run -C tools ./assets

.PHONY: bench
bench: build ## measure Relay under load, and the raw ceiling of this machine
	@exec bin/relay bench --all

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@tools/fuzz $(FUZZTIME)

# ONLY is a regular expression for parts: go run -C tools ./torture -list names them.
.PHONY: torture
torture: ## break Relay in every known way for DURATION (1h), with the random choices of SEED
	@go run -C tools ./torture -root .. -duration '$(DURATION)' -seed '$(SEED)' -only '$(ONLY)'

# On a folder, and with three servers on PostgreSQL; "make test" does the same with few of each.
.PHONY: restarts
restarts: ## kill and stop a busy Relay 40 times each, and check the order of the deliveries
	@RELAY_FAULT_RESTARTS=80 go test -v -count=1 -timeout 40m -run 'TestOrderAtRestarts' ./internal/faulttest

.PHONY: journeys
journeys: ## a thousand random journeys against an independent walk, and 100,000 profiles that wait
	RELAY_JOURNEYS=1000 go test -v -count=1 -timeout 60m -run 'TestAgainstAWalk|TestLate' ./internal/journey

.PHONY: strays
strays: ## 10,000 deliveries to each kind of receiver that sends more than its answer
	go test -count=1 -run TestStrayAnswers ./internal/delivery -strays 5000

.PHONY: fairness
fairness: ## measure how costly work slows other users' deliveries; "make test" does one kind
	@RELAY_TEST_FAIRNESS=1 go test -v -count=1 -timeout 20m -run TestCostlyWorkSlowsNobody ./internal/e2etest

.PHONY: interruptions
interruptions: ## publish 1,000,000 rows, and listen to 10,000 events, while commands and server are killed
	@RELAY_E2E_ROWS=1000000 RELAY_E2E_LISTEN_EVENTS=10000 RELAY_E2E_LISTEN_KILL_MS=2000 \
		go test -v -count=1 -timeout 40m -run 'TestPublishTable|TestListenKilled' ./internal/e2etest

# ARGS=-version=1.2.3 names a version other than that of the tag, ARGS=-platforms=linux/amd64 builds less.
.PHONY: release
release: ## everything that a release consists of, into dist/
	@go run -C tools/release . -root "$(CURDIR)" $(ARGS)

.PHONY: clean
clean: ## remove the built files
	@rm -rf bin dist

# Linters live in a module of their own: they need some two hundred modules that Relay does not.
bin/tools/golangci-lint: tools/go.mod tools/go.sum
	@echo 'building golangci-lint, a minute or two the first time'
	@go build -C tools -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@

bin/tools/gotestsum: tools/go.mod tools/go.sum
	@go build -C tools -o ../$@ gotest.tools/gotestsum
	@touch $@
