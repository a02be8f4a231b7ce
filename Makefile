# `make help` is the table of contents.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run stop test unit lint fuzz bench build api-key bootstrap synth diff deploy sam-local test-sam sam-validate logs clean sim mutants soak

LOCAL := go run ./infra/local
CDK := npx --yes aws-cdk@2.1148.1
# Lambda's architecture on AWS, in Go's words; the local stack builds for the machine that it runs on.
ARCH ?= arm64
CONTEXT := -c arch=$(if $(filter amd64,$(ARCH)),x86_64,arm64)
FUZZTIME ?= 20s
SEEDS ?= 10000
SEED ?=
OPERATIONS ?= 500
ARGS ?=
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

run: ## start the local stack, deploy onto it, run two buys against a real sales agent, leave the API up
	@$(LOCAL) run

stop: ## stop what `make run` started
	@$(LOCAL) down

logs: ## what the local stack and the functions wrote: make logs F=dispatch
	@$(LOCAL) logs $(F)

test: ## everything, on a local stack of its own: make test, or make test ARGS='-v -run Killed'
	@./infra/dev/test.sh $(ARGS)

unit: ## the tests that need nothing but Go, with fewer seeds than make test
	GORACE=atexit_sleep_ms=0 go test -race -short ./docs ./pkg/... ./functions/...

lint: ## golangci-lint by .golangci.yml; its first run compiles it
	@go tool -modfile=infra/dev/lint/go.mod golangci-lint run ./...

fuzz: ## the native fuzz targets, FUZZTIME each
	@for p in $$(grep -rlE '^func Fuzz' --include=*_test.go pkg | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -rhoE '^func Fuzz[A-Za-z0-9_]+' --include=*_test.go $$p | cut -c6-); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./$$p; done; done

sim: ## whole worlds in which everything goes wrong, by seeds: make sim SEEDS=10000, or make sim SEED=42
	@GOGC=2000 SEEDS=$(SEEDS) SEED=$(SEED) go test -count=1 -timeout 30m -v -run 'Races|TransportFaults' ./pkg/sim | grep -vE '^=== '

soak: ## hundreds of buys from a real seller while all that can goes wrong: make soak OPERATIONS=500 SEED=1
	@OPERATIONS=$(OPERATIONS) SEED=$(SEED) ./infra/dev/soak.sh

mutants: ## the convergence broken in one way after the other: the races and the simulation have to find each
	@go run ./infra/dev/mutants

bench: ## what the functions cost to start, beside an empty handler
	@go run ./infra/dev/bench

build: ## the functions for AWS into dist: ARCH=arm64 or amd64
	@$(LOCAL) build -arch $(ARCH)

bootstrap: ## once for each AWS account and region, what the CDK needs there: ACCOUNT=... REGION=...
	@$(CDK) bootstrap aws://$(ACCOUNT)/$(REGION)

synth: build ## the CloudFormation template, into cdk.out
	@cd infra && $(CDK) synth --quiet $(CONTEXT)
	@echo "cdk.out/AdcpOrchestrator.template.json"

diff: build ## what a deployment would change
	@cd infra && $(CDK) diff $(CONTEXT)

deploy: build ## into the AWS account of your profile
	@cd infra && $(CDK) deploy $(CONTEXT)

api-key: ## an API key for a tenant: make api-key TABLE=... TENANT=acme
	@go run ./infra/apikey -table "$(TABLE)" -tenant "$(TENANT)" -name "$(NAME)"

sam-local: ## the API by `sam local start-api`, against the running local stack (needs Docker)
	@go run ./infra/sam up

test-sam: ## one submit through `sam local start-api` (needs Docker)
	@go run ./infra/sam test

sam-validate: ## sam validate --lint of the SAM template
	@go run ./infra/sam validate

clean: stop ## stop and delete everything that was made or fetched
	rm -rf .local dist cdk.out
