#!/usr/bin/env bash
# make soak: hundreds of buys from a real seller over unreliable connections, while processes are
# killed and executions stopped, on a local stack of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

trap 'go run ./infra/local down -name soak' EXIT
go run ./infra/local up -name soak -port 0
set -a
# shellcheck disable=SC1091
. .local/soak/env
set +a
SOAK="${OPERATIONS:-500}" SEED="${SEED:-1}" go test -count=1 -timeout 15m -v -run '^TestSoak$' ./infra/dev/e2e
