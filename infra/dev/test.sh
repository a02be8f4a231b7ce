#!/usr/bin/env bash
# make test: static checks, then every test, with a local stack of its own for those that need one. Each step says how
# long it took.
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

# The stack starts while the checks compile: each waits for the other's kind of thing.
step "a local stack for the tests, and static checks"
go run ./infra/local up -name test -port 0 -senders & up=$!
make --no-print-directory lint
wait "$up"

set -a
# shellcheck disable=SC1091
. .local/test/env
set +a

# What go test prints, and how long each test takes. The exit code is go test's.
tests() { go test -json -timeout 15m "$@" | go run ./infra/dev/slowest -times "$times" -- "$@"; }

step "tests"
# Two packages without the race detector, which have no goroutines of their own: the bindings of the CDK take three
# minutes more to compile with it, and compressing takes ten times as long.
export CDK_VALIDATION=false # make synth validates
tests "$@" ./infra ./infra/dev/bench
# shellcheck disable=SC2046
tests -race "$@" $(go list ./... | grep -vE '/infra(/dev/bench|/dev/e2e)?$')
# The whole path last and alone: it has many processes of its own.
tests -race "$@" ./infra/dev/e2e
step "done"
