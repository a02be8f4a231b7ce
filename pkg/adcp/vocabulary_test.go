package adcp

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"
)

// documentedCodes are the codes of docs/protocol.md, D20 and D21, with their recovery.
func documentedCodes(t *testing.T) map[string]Recovery {
	t.Helper()
	b, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(b), "**D20**")
	text, _, _ = strings.Cut(text, "**D22**")
	codes := map[string]Recovery{}
	var recovery Recovery
	for line := range strings.Lines(text) {
		switch kind, _, list := strings.Cut(strings.TrimPrefix(line, "- "), ":"); {
		case strings.HasPrefix(line, "- ") && list:
			recovery = Recovery(kind)
		case !strings.HasPrefix(line, "  "):
			recovery = ""
		}
		if recovery == "" {
			continue
		}
		for _, m := range regexp.MustCompile("`([A-Z0-9_]+)`").FindAllStringSubmatch(line, -1) {
			codes[m[1]] = recovery
		}
	}
	return codes
}

// contract D20, D21.
func TestVocabularyIsTheDocumentedOne(t *testing.T) {
	t.Parallel()
	documented := documentedCodes(t)
	for code, want := range documented {
		if got, known := RecoveryOf(code); !known || got != want {
			t.Errorf("%s is %s, known is %v, want %s", code, got, known, want)
		}
	}
	if len(documented) != len(recoveries) {
		t.Errorf("%d codes are documented, and the code knows %d", len(documented), len(recoveries))
	}
}

// What a code is worth, and what we do about it, decides whether something is bought twice: a
// change of either must be seen.
func TestPolicyOfEveryCodeIsThePinnedOne(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/policies.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, row := range recoveries {
		p, _ := PolicyOf(row.code)
		fmt.Fprintln(&got, row.code, p.Recovery, p.Effect, p.Reaction)
	}
	if got.String() != string(b) {
		t.Errorf("the policies are\n%s\nwant\n%s", &got, b)
	}
}

// The newest release decides; what it drops stays.
func TestVocabularyIsTheManifests(t *testing.T) {
	t.Parallel()
	want := map[string]Recovery{}
	for _, release := range []string{"3.0", "3.1", "3.2"} {
		var manifest struct {
			Codes map[string]struct {
				Recovery Recovery `json:"recovery"`
			} `json:"error_codes"`
			Policy struct {
				Unknown Recovery `json:"default_unknown_recovery"`
			} `json:"error_code_policy"`
		}
		b := adcptest.Bundle(t, "_schemas/"+release+"/manifest.json")
		if err := json.Unmarshal(b, &manifest); err != nil || len(manifest.Codes) == 0 {
			t.Fatalf("%s: %d codes, %v", release, len(manifest.Codes), err)
		}
		for code, c := range manifest.Codes {
			want[code] = c.Recovery
		}
		if got, _ := RecoveryOf("X_ACME_ODD"); got != manifest.Policy.Unknown {
			t.Errorf("an unknown code is %s, %s says %s", got, release, manifest.Policy.Unknown)
		}
	}
	for code, recovery := range want {
		if got, known := RecoveryOf(code); !known || got != recovery {
			t.Errorf("%s is %s, known is %v, want %s", code, got, known, recovery)
		}
	}
}

// contract C29: what proves nothing of a purchase never ends it, and what ends it proves that
// nothing was done.
func TestOnlyProofEndsAPurchase(t *testing.T) {
	t.Parallel()
	for _, row := range recoveries {
		code := row.code
		p, _ := PolicyOf(code)
		if (p.Reaction == End) != (p.Effect == NotDone && p.Reaction != Resend && p.Reaction != AskPerson &&
			p.Reaction != RenewCredential) {
			t.Errorf("%s has the effect %s and the reaction %s", code, p.Effect, p.Reaction)
		}
	}
	if p, known := PolicyOf("INTERNAL_ERROR"); known || p.Effect != MaybeDone || p.Reaction != Resend {
		t.Errorf("an unknown code is %+v, known is %v", p, known)
	}
}
