#!/usr/bin/env bash
# Runs verbs of adcpctl against the running local stack (make run) and writes what they say into
# docs/adcpctl.md, between the two marks. Ids, times and durations are masked, so that the document
# changes only if the program or the API does.
set -euo pipefail
cd "$(dirname "$0")/../.."

adcpctl=dist/adcpctl
doc=docs/adcpctl.md
new=$(mktemp)
trap 'rm -f "$new"' EXIT
export NO_COLOR=1 ADCPCTL_PROFILE=${ADCPCTL_PROFILE:-local}

mask() {
  sed -E -e 's/op_[a-z2-7]{26}/op_7q2mz4kxn3w5v6y2b4t7h3c5da/g' -e 's/(key|qd|we|wd|aud)_[a-z2-7]{16,26}/\1_…/g' \
    -e 's#https?://(localhost|127\.0\.0\.1)[^" ]*/live#https://api.example/live#g' \
    -e 's#http://(localhost|127\.0\.0\.1):[0-9]+#http://127.0.0.1:4567#g' \
    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/2026-11-26T12:00:00Z/g' -e 's/[ 0-9][0-9] [A-Z][a-z]{2} [0-9:]{8}/26 Nov 12:00:00/g' \
    -e 's/^ {7}[0-9:]{8}/       12:00:00/' -e 's/[0-9]+(h[0-9]{2}m|m[0-9]{2}s|d[0-9]{2}h|s)( |$)/5s\2/g' -e 's/PO-[0-9a-f]{8}/PO-1187/g' \
    -e 's/mb_[A-Za-z0-9_-]+/mb_1/g' -e 's/request [0-9a-f-]{8,}/request 5f0c2a41/'
}

# say COMMAND...: runs a command, and writes it with all that it says and its exit code.
say() {
  local code=0
  { printf '$ adcpctl'; printf ' %s' "$@"; echo; } >> "$new"
  "$adcpctl" "$@" >> "$new" 2>&1 || code=$?
  if [ "$code" -ne 0 ]; then echo "exit $code" >> "$new"; fi
  echo >> "$new"
}

id=$("$adcpctl" submit events/buy.json --new -o id)
"$adcpctl" watch "$id" > /dev/null 2>&1
say submit events/buy.json --new --wait
say watch "$id"
say ops show "$id"
say ops result "$id"
say ops list --limit 2
say ops list --needs-attention
say cancel "$id" --reason "wrong dates" -y
say agents show seller
say quarantine list
say events list --limit 3
say keys list
say audit list --limit 3
say metrics
say version

{
  sed '/<!-- transcripts -->/q' "$doc"
  echo '```'
  mask < "$new" | sed -e '$d'
  echo '```'
  sed -n '/<!-- end of transcripts -->/,$p' "$doc"
} > "$doc.new"
mv "$doc.new" "$doc"
echo "$doc: $(grep -c '^\$ adcpctl' "$new") commands"
