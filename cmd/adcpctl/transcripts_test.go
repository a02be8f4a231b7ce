package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the transcripts instead of comparing with them")

// transcripts are what people see of each verb. A line that begins with < is on stdin.
var transcripts = map[string][]string{
	"submit": {"submit buy.json", "<n\n submit buy.json", "submit buy.json -y", "submit buy.json --new -o id",
		"submit -f buy.json --check",
		"<" + buy + " submit -", "submit broken.json", "submit missing.json", "submit wrong.json"},
	"watch": {"watch OP_ASKS", "watch OP_DONE", "watch OP_FAILED -o id", "watch OP_DONE -o jsonl", "watch OP_UNKNOWN"},
	"answer": {"answer OP_ASKS", "answer OP_ASKS --generation 2 --input {} --on-behalf-of jane@acme.example -y",
		"answer OP_ASKS --generation 1 --input {} --on-behalf-of jane@acme.example -y", "answer OP_DONE"},
	"ops-list": {"ops list", "ops list --needs-attention", "ops list --state open -o wide", "list --limit 2",
		"list --limit 3 --all -o id",
		"list --q PO-2026-1187 --time utc", "list --state working -o json", "list --state working -o jsonl",
		"list --state working -o yaml", "list --agent nobody", "list --campaign c"},
	"ops-counts": {"ops counts", "ops counts -o json"},
	"ops-show": {"ops show OP_ASKS", "get OP_DONE --embed result,events", "get OP_DONE -o json", "get OP_FAILED",
		"get OP_UNKNOWN", "get OP_UNCLEAR", "get OP_WORKING -o wide"},
	"ops-events": {"ops events OP_ASKS", "ops events OP_ASKS --time utc --kind attention", "ops events OP_DONE -o jsonl",
		"ops events OP_ASKS --limit 3", "ops events OP_ASKS --limit 3 --after 4",
		"ops events OP_WORKING --kind poll_requested"},
	"ops-request": {"ops request OP_ASKS", "ops result OP_DONE", "ops result OP_WORKING"},
	"ops-acts": {"ops poll OP_WORKING", "ops pause OP_WORKING --reason holiday", "ops resume OP_WORKING --reason back",
		"ops redrive OP_WORKING", "ops poll OP_DONE", "ops pause OP_WORKING",
		"ops resolve OP_UNCLEAR --state failed --reason asked --unverified -y"},
	"ops-cancel": {"cancel OP_FAILED --reason wrong-dates -y", "cancel OP_WORKING --reason wrong-dates -y",
		"cancel OP_WORKING --reason x",
		"cancel OP_FAILED --reason wrong-dates -y -o json", "ops cancel OP_WORKING --reason x --buy sell -y",
		"cancel OP_DONE --reason wrong-dates --buy cancel -y", "ops cancel OP_WORKING --withdraw -y",
		"cancel OP_DONE --withdraw -y"},
	"ops-resolve": {"resolve OP_UNCLEAR --state failed --reason asked-the-seller -y",
		"resolve OP_UNCLEAR --state failed --reason asked-the-seller --unverified -y",
		"resolve OP_UNCLEAR --state failed --reason asked --if-match 1 -y", "resolve OP_UNCLEAR --state done --reason x",
		"resolve OP_WORKING --state failed --reason x -y"},
	"bulk": {"<OP_WORKING\nOP_UNCLEAR\n ops redrive - -y", "<OP_WORKING\nOP_DONE\nOP_UNKNOWN\n ops poll - -y",
		"<OP_WORKING OP_UNCLEAR ops redrive -", "< ops redrive -", "ops poll OP_DONE OP_FAILED -y -o id"},
	"agents": {"agents list", "agents list -o wide", "agents show seller", "agents put nova-retail agent.json",
		"agents probe nova-retail",
		"agents pause nova-retail --reason r", "agents resume nova-retail --reason r", "agents delete nova-retail -y",
		"agents delete harbor -y", "agents keys nova-retail", "agents put down down.json"},
	"quarantine": {"quarantine list", "quarantine list -o id", "quarantine show QD_KEPT --body",
		"quarantine replay QD_STRANGER --reason checked", "quarantine discard QD_STRANGER --reason noise",
		"quarantine replay QD_KEPT --reason checked", "quarantine show QD_KEPT", "quarantine replay qd_b --reason checked"},
	"webhooks": {"webhooks list", "webhooks list -o wide", "webhooks show HOOK_DOWN", "webhooks show HOOK_GONE -o yaml",
		"webhooks show HOOK_UNKNOWN", "webhooks add https://acme.example/new --type operation.*,agent.* --description new",
		"webhooks add http://acme.example/new --type operation.ended", "webhooks show HOOK_NEW",
		"webhooks roll-secret HOOK_NEW -y", "webhooks show HOOK_NEW", "webhooks roll-secret HOOK_NEW --overlap 48h -y",
		"webhooks roll-secret HOOK_NEW --overlap 0s", "webhooks roll-secret HOOK_NEW -y", "webhooks roll-secret HOOK_NEW -y",
		"webhooks disable HOOK_NEW", "webhooks show HOOK_NEW", "webhooks enable HOOK_NEW -o json",
		"webhooks enable HOOK_GONE HOOK_UNKNOWN -y", "webhooks delete HOOK_NEW", "webhooks delete HOOK_NEW -y",
		"webhooks delete HOOK_NEW -y", "webhooks list -o id"},
	"webhooks-deliveries": {"webhooks test HOOK_DESK", "webhooks test HOOK_DOWN", "webhooks test HOOK_UNKNOWN",
		"webhooks deliveries HOOK_DESK", "webhooks deliveries HOOK_DESK --limit 1",
		"webhooks deliveries HOOK_DOWN --state pending -o wide", "webhooks deliveries HOOK_DOWN --state lost",
		"webhooks redeliver HOOK_DESK SENT_DESK", "webhooks redeliver HOOK_DESK SENT_DOWN",
		"webhooks deliveries HOOK_GONE --state dead -o id", "<SENT_GONE webhooks redeliver HOOK_GONE -",
		"webhooks enable HOOK_GONE", "<SENT_GONE webhooks redeliver HOOK_GONE -", "webhooks deliveries HOOK_GONE"},
	"keys": {"keys list", "keys create --name viewer --role viewer", "keys create --name x",
		"keys roll KEY_READER --overlap 10m -y", "keys list -o wide",
		"keys revoke KEY_READER -y", "keys revoke KEY_DESK -y", "keys bootstrap"},
	"audit": {"audit list", "cancel OP_FAILED --reason wrong-dates -y", "ops pause OP_WORKING --reason holiday",
		"ops result OP_DONE -o id", "audit list", "audit list -o wide --action operation.pause", "audit list --action x"},
	"events": {"events list", "events list --limit 2", "events list --limit 2 --after OP_DONE-ended",
		"events list --after OP_DONE-ended -o wide",
		"events list --type operation.failed -o jsonl", "events tail --after start --once",
		"events tail --after OP_CANCELED-ended --once -o jsonl", "events list --after nothing"},
	"listen":  {"listen --once --after start", "listen --once", "listen --forward-to nowhere"},
	"metrics": {"metrics", "metrics --by type --names pending --last 2h -o yaml", "metrics --step 2h"},
	"api": {"api GET /v1/whoami", "api GET /v1/operations?state=working&limit=1 -o jsonl", "api GET /v1/nothing",
		"api GET https://elsewhere.example/v1/operations"},
	"profile": {"profile list", "profile set prod --api https://api.example.com/live --confirm", "profile list",
		"profile use prod",
		"<adcp_acme_KEY\n profile login prod --unchecked", "profile list", "profile set x --api http://api.example.com",
		"profile use nope",
		"--profile nope ops list"},
	"open":    {"open", "open OP_ASKS"},
	"version": {"version"},
	"help": {"", "help exits", "exits", "nonsense", "submti", "ops nonsense", "ops list --nonsense", "ops list -o xml",
		"submit --help", "webhooks --help", "webhooks"},
	"completion": {"__complete watch ", "__complete agents show ", "__complete ops list -o ",
		"__complete webhooks show ", "__complete webhooks redeliver ", "__complete webhooks redeliver HOOK_DESK "},
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	for name, steps := range transcripts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCLI(t, newServer(t))
			c.file("buy.json", buy)
			c.file("agent.json", `{"url": "https://nova-retail.example/mcp"}`)
			c.file("down.json", `{"url": "https://down.example/mcp", "transport": "smtp"}`)
			c.file("broken.json", "{\n \"agent_id\": seller\n}")
			c.file("wrong.json", `{"agent_id": "seller", "type": "create_media_buy", "request": {"po_number": 7}}`)
			var b strings.Builder
			for _, step := range steps {
				transcribe(&b, c, step)
			}
			compare(t, name, b.String())
		})
	}
}

var names = strings.NewReplacer("OP_ASKS", opAsks, "OP_DONE", opDone, "OP_FAILED", opFailed, "OP_UNKNOWN", opUnknown,
	"OP_WORKING", opWorking, "OP_CANCELED", opCanceled, "OP_UNCLEAR", opUnclear, "QD_KEPT", kept.ID(),
	"QD_STRANGER", stranger.ID(),
	"HOOK_DESK", hookDesk, "HOOK_DOWN", hookDown, "HOOK_GONE", hookGone, "HOOK_NEW", hookNew,
	"HOOK_UNKNOWN", hookUnknown, "SENT_DESK", sentDesk, "SENT_DOWN", sentDown, "SENT_GONE", sentGone,
	"KEY_DESK", keyDesk, "KEY_READER", keyReader)

// transcribe runs a step and writes what it was, what it wrote, and how it ended.
func transcribe(b *strings.Builder, c *cli, step string) {
	c.t.Helper()
	stdin := ""
	shown := "$ adcpctl"
	if text, isInput := strings.CutPrefix(step, "<"); isInput {
		verbs := []string{" submit", " ops", " profile", " webhooks"}
		for _, v := range verbs {
			if i := strings.LastIndex(text, v); i >= 0 {
				stdin, step = names.Replace(text[:i]), text[i+1:]
			}
		}
		shown = "$ … | adcpctl"
	}
	step = names.Replace(step)
	args := strings.Split(step, " ")
	if step == "" {
		args = nil
	}
	got := c.with(stdin, args...)
	fmt.Fprintf(b, "%s\n%s", strings.TrimRight(shown+" "+step, " "), got.out)
	for line := range strings.SplitSeq(strings.TrimSuffix(got.err, "\n"), "\n") {
		if line != "" {
			fmt.Fprintf(b, "2> %s\n", line)
		}
	}
	if got.code != 0 {
		fmt.Fprintf(b, "exit %d\n", got.code)
	}
	b.WriteByte('\n')
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "transcripts", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test ./cmd/adcpctl -update writes it):\n%s", path, got)
	}
}
