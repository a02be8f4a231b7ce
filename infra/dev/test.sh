#!/usr/bin/env bash
# make test: static checks, then every test. Those that need a local stack get one of their own.
# Each step begins with the seconds since the start.
set -euo pipefail
cd "$(dirname "$0")/../.."

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
down() { go run ./infra/local down -name test; }
times=$(mktemp)
finish() {
  if [ -s "$times" ]; then
    step "the slowest tests"
    go run ./infra/dev/slowest -list "$times" || true
  fi
  rm -f "$times"
  step "stopping the test stack"
  down
}
trap finish EXIT

# The stack starts while the checks compile: one waits for the network and processes, the other for
# the processor.
step "a local stack for the tests, and static checks"
go run ./infra/local up -name test -port 0 -senders & up=$!
make --no-print-directory lint
wait "$up"

set -a
# shellcheck disable=SC1091
. .local/test/env
set +a

# Runs go test, prints what it prints, and records how long each test takes. The exit code is go
# test's.
tests() { go test -json -timeout 30m "$@" | go run ./infra/dev/slowest -times "$times" -- "$@"; }

step "tests"
# These run without the race detector. The CDK's bindings would take three more minutes to
# compile, zipping and the load model ten times as long, and of their goroutines one runs at a time.
# The breaker runs here with all seeds, and below with few.
export CDK_VALIDATION=false # make synth validates
tests "$@" ./infra ./infra/dev/bench ./pkg/sim/load ./pkg/breaker
# shellcheck disable=SC2046
tests -race "$@" $(go list ./... | grep -vE '/(infra|infra/dev/bench|infra/dev/e2e|pkg/sim/load)$')
# End to end, last and alone: these tests start many processes.
tests -race "$@" ./infra/dev/e2e
step "done"
