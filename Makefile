# What can be done with this checkout. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

MODULE  := github.com/yonder-run/yonder
CACHE   := $(CURDIR)/.cache
# The Python package has the version of everything.
VERSION ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' python/src/yonder/__init__.py)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null)
LDFLAGS := -s -w -X $(MODULE)/internal/version.Version=$(VERSION) -X $(MODULE)/internal/version.Commit=$(COMMIT)
# One static binary, the same bytes wherever it is built.
BUILD   := CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)'

PLATFORMS := linux-amd64 linux-arm64 darwin-arm64 darwin-amd64 windows-amd64
CROSS     := $(addprefix cross-,$(PLATFORMS))

# Tools that this checkout brought itself come first.
export PATH := $(CACHE)/bin:$(PATH)

.PHONY: help
help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## a service, an endpoint and a first result on this machine
	tools/demo

.PHONY: build
build: ## build bin/yonder for this machine
	$(BUILD) -o bin/ ./cmd/yonder

.PHONY: cross
cross: $(CROSS) ## build for every platform, into dist/

.PHONY: $(CROSS)
$(CROSS): cross-%:
	GOOS=$(word 1,$(subst -, ,$*)) GOARCH=$(word 2,$(subst -, ,$*)) \
		$(BUILD) -o dist/yonder-$*$(if $(findstring windows,$*),.exe) ./cmd/yonder

HOST := $(shell go env GOOS)-$(shell go env GOARCH)

.PHONY: wheel
wheel: cross-$(HOST) ## build the Python wheels, with the program for this machine, into dist/
	tools/wheel $(HOST)

.PHONY: wheels
wheels: cross ## the same for every platform
	tools/wheel $(PLATFORMS)

.PHONY: test
test: ## set up what is missing, then run the Go and the Python tests
	tools/test

.PHONY: test-all
test-all: ## the same, with the slow tests against real schedulers and containers
	tools/test --all

.PHONY: chaos
chaos: ## kill, cut off and fill up everything under load; CHAOS="--seed 7 --store sqlite"
	tools/chaos $(CHAOS)

.PHONY: fuzz
fuzz: ## run every fuzz target for 30 s
	tools/fuzz

.PHONY: lint
lint: ## check style, types and imports of Go and Python
	tools/lint

.PHONY: generate
generate: ## make the generated code again
	tools/install sqlc
	go generate ./...

.PHONY: check-generated
check-generated: ## fail if generate would change anything
	tools/check-generated

.PHONY: docs
docs: ## build the documentation site into dist/docs
	tools/docs/build

.PHONY: bench
bench: build ## run all benchmarks
	bench/run all

.PHONY: soak
soak: build ## ten million small tasks, and whether memory, descriptors and goroutines stay level
	bench/run soak --seconds 3600 $(SOAK)

.PHONY: clean
clean: ## remove what was built, but keep downloaded tools
	rm -rf bin dist
