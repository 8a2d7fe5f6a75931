# The daily commands of the project; 'make help' lists them.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
BUILD = CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.release=$(VERSION)'

.DEFAULT_GOAL := help
.PHONY: help run test build bench bench-stores generate

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Serve on http://127.0.0.1:8080, with the data in ./watchword-data
	@go run ./cmd/watchword serve

test: ## Run every check and test; as root on Debian, install the servers they need
	@scripts/install.sh
	@scripts/servers.sh scripts/test.sh

build: ## Build the binary bin/watchword
	$(BUILD) -o bin/watchword ./cmd/watchword

bench: ## Measure: each figure beside its limit
	@scripts/bench.sh

bench-stores: ## Measure a refresh on each store, beside a naive variant (BENCH='-sessions 10000000')
	@scripts/servers.sh go run ./bench stores $(BENCH)

generate: ## Write the generated files anew
	go generate ./...
