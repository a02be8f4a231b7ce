# `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run stop logs test unit lint fuzz sim load soak mutants bench
.PHONY: cli cli-release transcripts openapi schemathesis
.PHONY: protocol build bootstrap synth diff deploy api-key sam-local test-sam sam-validate clean

LOCAL := go run ./infra/local
CDK := npx --yes aws-cdk@2.1148.1
# The functions' architecture on AWS, as Go names it. The local stack builds for its own machine.
ARCH ?= arm64
CONTEXT := -c arch=$(if $(filter amd64,$(ARCH)),x86_64,arm64)
FUZZTIME ?= 20s
SEEDS ?= 10000
SEED ?=
ROW ?=
OPERATIONS ?= 500
ARGS ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
SCRIPTS := infra/dev/*.sh .ci/run
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

run: cli ## start a local stack, deploy onto it, make two buys with a real sales agent; the API stays up
	@$(LOCAL) run

stop: ## stop what make run started
	@$(LOCAL) down

logs: ## logs of the local stack and of a function: make logs, make logs F=dispatch
	@$(LOCAL) logs $(F)

test: ## lint and every test, on a local stack of its own: make test ARGS='-v -run Killed'
	@./infra/dev/test.sh $(ARGS)

unit: ## tests that need nothing but Go, with fewer seeds than make test
	GORACE=atexit_sleep_ms=0 go test -race -short ./docs ./pkg/... ./functions/... ./cmd/...

# The linter's cache belongs to this directory: it keeps findings with the paths of the files that
# they were found in, and //nolint comments of files that are gone can't be read any more.
lint: ## golangci-lint, and a syntax check of the shell scripts; the first run compiles the linter
	@for script in $(SCRIPTS); do bash -n "$$script"; done
	@GOLANGCI_LINT_CACHE=$(CURDIR)/.local/lint go tool -modfile=infra/dev/lint/go.mod golangci-lint run ./...

fuzz: ## each fuzz target for FUZZTIME: make fuzz FUZZTIME=20s
	@for p in $$(grep -rlE '^func Fuzz' --include=*_test.go pkg | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE '^func Fuzz[A-Za-z0-9_]+' --include=*_test.go $$p | cut -c6-); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./$$p; done; done

sim: ## races and simulated worlds with random faults: make sim SEEDS=10000, or make sim SEED=42
	@GOGC=2000 SEEDS=$(SEEDS) SEED=$(SEED) go test -count=1 -timeout 30m -v -run 'Races|TransportFaults' ./pkg/sim \
	  | grep -vE '^=== '

load: ## what many operations cost on AWS, and the quotas that they meet: make load, or make load ROW=300/s
	@LOAD="$(ROW)" GOGC=400 go test -count=1 -timeout 10m -v -run 'TestLoad$$' ./pkg/sim/load | grep -vE '^(===|PASS)'

soak: ## hundreds of buys from a real seller while everything that can fail does: make soak OPERATIONS=500 SEED=1
	@OPERATIONS=$(OPERATIONS) SEED=$(SEED) ./infra/dev/soak.sh

mutants: ## mutation tests of the convergence, the proofs and the look-ups
	@go run ./infra/dev/mutants

bench: ## start times and zip sizes of the functions, beside an empty handler
	@go run ./infra/dev/bench

openapi: ## write docs/openapi.json from pkg/httpapi/openapi.yaml, and check it against the guideline
	@go run ./infra/dev/openapi
	@npx --yes @stoplight/spectral-cli@6.16.3 lint pkg/httpapi/openapi.yaml -r infra/dev/openapi/.spectral.yaml --fail-severity=warn

schemathesis: ## 5,000 requests made from openapi.json, on a local stack of its own: make schemathesis SEED=1
	@SEED=$(SEED) ./infra/dev/schemathesis.sh

protocol: ## derive the tables and schemas of pkg/adcp from AdCP's own, which ADCP_BUNDLE may name
	@go run ./infra/dev/protocol
	@go run ./infra/dev/protocol/schemas

build: ## build the functions for AWS into dist: ARCH=arm64 or amd64
	@$(LOCAL) build -arch $(ARCH)

bootstrap: ## prepare an AWS account and region for the CDK, once: ACCOUNT=... REGION=...
	@$(CDK) bootstrap aws://$(ACCOUNT)/$(REGION)

synth: build ## write the CloudFormation template into cdk.out
	@cd infra && $(CDK) synth --quiet $(CONTEXT)
	@echo "cdk.out/AdcpOrchestrator.template.json"

diff: build ## show what a deployment would change
	@cd infra && $(CDK) diff $(CONTEXT)

deploy: build ## deploy to the AWS account of your profile
	@cd infra && $(CDK) deploy $(CONTEXT)

cli: ## build the command line for this machine into dist/adcpctl
	@CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o dist/adcpctl ./cmd/adcpctl
	@echo dist/adcpctl

cli-release: ## build the command line for linux, darwin and windows into dist/cli, with checksums: VERSION=1.2.3
	@./infra/dev/release.sh "$(VERSION)"

transcripts: cli ## run adcpctl's verbs against the running local stack, and write what they say into docs/adcpctl.md
	@./infra/dev/transcripts.sh

api-key: cli ## make the first API key of a tenant: make api-key TABLE=... TENANT=acme NAME=...
	@dist/adcpctl keys bootstrap --table "$(TABLE)" --tenant "$(TENANT)" --name "$(or $(NAME),bootstrap)"

sam-local: ## serve the API with sam local start-api, on the running local stack (needs Docker)
	@go run ./infra/sam up

test-sam: ## one submission through sam local start-api, on the running local stack (needs Docker)
	@go run ./infra/sam test

sam-validate: ## check the SAM template with sam validate --lint
	@go run ./infra/sam validate

clean: stop ## stop the stack, and delete everything that was built or fetched
	rm -rf .local dist cdk.out
