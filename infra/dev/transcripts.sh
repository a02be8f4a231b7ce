#!/usr/bin/env bash
# Runs verbs of adcpctl against the running local stack (make run) and writes what they say into
# docs/adcpctl.md, between the two marks. Ids, times, durations and amounts are masked, so that the
# document changes only if the program or the API does.
set -euo pipefail
cd "$(dirname "$0")/../.."

adcpctl=dist/adcpctl
doc=docs/adcpctl.md
new=$(mktemp)
trap 'rm -f "$new" "$doc.new"; [ -z "${receiver_PID:-}" ] || kill "$receiver_PID"' EXIT
export NO_COLOR=1 ADCPCTL_PROFILE=${ADCPCTL_PROFILE:-local}
if ! "$adcpctl" ops counts > /dev/null; then
  echo "start the local stack first: make run" >&2
  exit 1
fi
eval "$(go run ./infra/local env | grep '^SELLER_')"
export SELLER_TOKEN

# say COMMAND...: runs a command, and writes it with all that it says and its exit code.
say() {
  local code=0 out
  { printf '$ adcpctl'; printf ' %s' "${@@Q}" | sed -E "s/'([A-Za-z0-9_.:\/=,-]+)'/\1/g"; echo; } >> "$new"
  out=$("$adcpctl" "$@" 2> "$new.err") || code=$?
  { if [ -n "$out" ]; then echo "$out"; fi; cat "$new.err"; } >> "$new"
  rm -f "$new.err"
  if [ "$code" -ne 0 ]; then echo "exit $code" >> "$new"; fi
  echo >> "$new"
}

# queued N: waits until an operation was queued N times, however slow the machine is.
queued() {
  for _ in {1..300}; do
    if [ "$("$adcpctl" ops events "$held" -o jsonl | grep -c '"kind":"queued"')" -ge "$1" ]; then return; fi
  done
  echo "$held was not queued $1 times" >&2
  exit 1
}

id=$("$adcpctl" submit events/buy.json --new -o id 2> /dev/null)
"$adcpctl" watch "$id" > /dev/null 2>&1
say submit events/buy.json --check
say submit events/buy.json --new --wait
say watch "$id"
say answer "$id"
say ops list --limit 2
say ops list --needs-attention
say ops show "$id"
say ops events "$id"
say ops request "$id"
say ops result "$id"
say ops poll "$id"
say ops redrive "$id"
say ops cancel "$id" --reason "wrong dates" -y
"$adcpctl" watch "$(grep -o 'sent as op_[a-z2-7]*' "$new" | cut -d ' ' -f 3)" > /dev/null 2>&1
say ops resolve "$id" --state failed --reason "the agent says so" -y
say agents list
say agents show seller
say agents probe seller
say agents keys seller
say agents pause seller --reason "budget review"
held=$("$adcpctl" submit events/buy.json --new -o id 2> /dev/null)
queued 1
say ops pause "$held" --reason "budget review"
say ops show "$held"
say ops resume "$held" --reason reviewed
queued 2
say agents resume seller --reason reviewed
say watch "$held" --timeout 3m
say quarantine list
say events list --limit 3
# A receiver of webhooks that takes them all. The endpoint wants what does not happen here, so that
# only tests are sent to it.
coproc receiver { exec python3 -uc '
import http.server
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port)
server.serve_forever()'; }
read -r port <&"${receiver[0]}"
say webhooks add "http://127.0.0.1:$port/hook" --type operation.rejected --description "trading desk"
hook=$("$adcpctl" webhooks list -o jsonl | sed -n "s/.*\"id\":\"\(we_[a-z2-7]*\)\".*:$port\/hook.*/\1/p")
say webhooks list
say webhooks show "$hook"
say webhooks test "$hook"
say webhooks deliveries "$hook"
delivery=$("$adcpctl" webhooks deliveries "$hook" -o id)
say webhooks redeliver "$hook" "$delivery"
say webhooks roll-secret "$hook" --overlap 10m -y
say webhooks disable "$hook"
say webhooks redeliver "$hook" "$delivery"
say webhooks enable "$hook"
say webhooks delete "$hook" -y
say keys create --name dashboard --role viewer
key=$("$adcpctl" keys list -o jsonl | sed -n 's/.*"id":"\(key_[a-z2-7]*\)".*"name":"dashboard".*"state":"active".*/\1/p' | head -1)
say keys roll "$key" --overlap 10m -y
say keys revoke "$key" -y
say keys list
say audit list --limit 4
say metrics --names overdue_rate,rejection_rate
say conform --agent "$SELLER_URL" --token-env SELLER_TOKEN
say api GET /v1/whoami
say api GET /v1/nothing
say profile list

{
  sed '/<!-- transcripts -->/q' "$doc"
  echo '```'
  python3 infra/dev/transcripts.py < "$new" | sed -e '$d'
  echo '```'
  sed -n '/<!-- end of transcripts -->/,$p' "$doc"
} > "$doc.new"
mv "$doc.new" "$doc"
echo "$doc: $(grep -c '^\$ adcpctl' "$new") commands"
