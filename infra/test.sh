#!/usr/bin/env bash
# make test: static checks, then every test, with a local stack of its own for those that need one. Each step says how long it took.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
down() { go run ./infra/local down -name test; }
trap 'step "stopping the test stack"; down' EXIT

# The stack starts while the checks compile: each waits for the other's kind of thing.
step "a local stack for the tests, and static checks"
go run ./infra/local up -name test -port 0 -senders & up=$!
make --no-print-directory lint
wait "$up"

set -a
# shellcheck disable=SC1091
. .local/test/env
set +a

step "tests"
# Two packages without the race detector, which have no goroutines of their own: the bindings of the CDK take three minutes more to compile with it,
# and compressing takes ten times as long.
export CDK_VALIDATION=false # make synth validates
go test -timeout 15m "$@" ./infra ./infra/bench
go test -race -timeout 15m "$@" $(go list ./... | grep -vE '/infra(/bench|/local/e2e)?$')
# The whole path last and alone: it has many processes of its own.
go test -race -timeout 15m "$@" ./infra/local/e2e
step "done"
