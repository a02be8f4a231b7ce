#!/usr/bin/env bash
# make schemathesis: at least 5,000 requests that Schemathesis makes from openapi.json, on a local
# stack of its own: with a key of all scopes, about things that do not exist and about some that do,
# and with a key of each scope alone. SEED makes a run repeatable.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=4.32.5
seed=${SEED:-1}
want=${CASES:-5000}
home=.local/install/schemathesis
run=$home/bin/schemathesis

# STACK names a stack that runs already; without it there is one for this run.
stack=${STACK:-schemathesis}
if [ -z "${STACK:-}" ]; then
  trap 'go run ./infra/local down -name "$stack"' EXIT
  go run ./infra/local up -name "$stack" -port 0 -senders
fi
set -a
# shellcheck disable=SC1090
. ".local/$stack/env"
set +a

# The stack's own Python: Hypothesis fails on large strategies under 3.11 (a fault of CPython).
if [ ! -e "$home/$version" ]; then
  rm -rf "$home"
  "$(readlink -f "$SENDERS_PYTHON" || command -v python3)" -m venv "$home"
  "$home/bin/pip" install --quiet "schemathesis==$version"
  touch "$home/$version"
fi

document=${DOCUMENT:-docs/openapi.json}
reports=.local/schemathesis-reports
rm -rf "$reports"
mkdir -p "$reports"

# One tenant for each run, so that none spends another one's limits.
key() {
  go run ./cmd/adcpctl keys bootstrap --table "$TABLE_NAME" --tenant "$1" --name schemathesis ${2:+--scope "$2"}
}
scopes=$(python3 infra/dev/schemathesis.py scopes "$document")
operations=$(grep -c '"operationId"' "$document")

# ours makes an agent and an operation for the tenant demo, whose secret the stack has, and prints
# the settings that name them in every request.
ours() {
  local auth="Authorization: Bearer $1" json='Content-Type: application/json' id
  curl -sSf -X PUT "$API_URL/v1/agents/seller" -H "$auth" -H "$json" \
    -d "{\"url\": \"$SELLER_URL\", \"credential_ref\": \"$CREDENTIAL_REF\"}" >/dev/null
  id=$(curl -sSf "$API_URL/v1/operations" -H "$auth" -H "$json" -H "Idempotency-Key: schemathesis-$$" -d @events/buy.json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
  printf '[[operations]]\ninclude-path-regex = "^/v1/operations/[{]id"\nparameters = { "path.id" = "%s" }\n' "$id"
  printf '[[operations]]\ninclude-path-regex = "^/v1/agents/[{]id"\nparameters = { "path.id" = "seller" }\n'
}

# spare makes another API key with the one that it is given, and prints the settings that name it in
# every request about a key: else Schemathesis finds, rolls and deletes the key that it works with.
spare() {
  local id
  id=$(curl -sSf "$API_URL/v1/api-keys" -H "Authorization: Bearer $1" -H 'Content-Type: application/json' \
    -H 'Idempotency-Key: spare' -d '{"name": "spare", "scopes": ["keys:write"]}' |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
  printf '[[operations]]\ninclude-path-regex = "^/v1/api-keys/[{]id"\nparameters = { "path.id" = "%s" }\n' "$id"
}

checks=not_a_server_error,status_code_conformance,content_type_conformance
checks+=,response_headers_conformance,response_schema_conformance
# fuzz NAME KEY EXAMPLES SETTINGS [PHASES]: one run, with a report of every request. The phase of
# coverage makes 2,000 requests whatever EXAMPLES says.
fuzz() {
  local name=$1 key=$2 examples=$3 settings=$4 phases=${5:-examples,coverage,fuzzing,stateful}
  printf '\n== %s: %s examples of each of %s operations\n' "$name" "$examples" "$operations"
  printf '%s\n' "$settings" >"$reports/$name.toml"
  "$run" --config-file "$reports/$name.toml" run "$document" --url "$API_URL" \
    --header "Authorization: Bearer $key" --seed "$seed" --max-examples "$examples" --phases "$phases" --workers 4 \
    --checks "$checks" --request-timeout 60 --continue-on-failure --no-color \
    --report ndjson --report-ndjson-path "$reports/$name.ndjson" >"$reports/$name.txt" 2>&1 || true
  grep -E '^  [0-9]+ generated' "$reports/$name.txt" || tail -n 20 "$reports/$name.txt"
}

all=$(key sa-all)
fuzz all "$all" $((want / operations / 2 + 1)) "$(spare "$all")"
mine=$(key demo)
fuzz ours "$mine" $((want / operations / 4 + 1)) "$(
  spare "$mine"
  ours "$mine"
)"
n=0
for scope in $scopes; do
  n=$((n + 1))
  one=$(key "sa-scope-$n" "$scope")
  settings=''
  if [ "$scope" = keys:write ]; then settings=$(spare "$one"); fi
  fuzz "${scope/:/-}" "$one" $((want / operations / 4 / $(wc -w <<<"$scopes") + 1)) "$settings" \
    examples,fuzzing
done

python3 infra/dev/schemathesis.py verdict "$document" "$want" "$reports"/*.ndjson
