package keyring

import (
	"slices"
	"testing"
	"time"
)

func TestAgentsAreReadWhereTheSchemaHasThem(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string][]string{
		`{"agents":[{"url":"a"}],"brand_agent":{"url":"x"}}`:                                  {"a"},
		`{"house":{"agents":[{"url":"a"}],"x":{"agents":[{"url":"x"}]}},"brands":[]}`:         {"a"},
		`{"house":{},"agents":[{"url":"b"}],"brands":[{"agents":[{"url":"c"},{"url":"d"}]}]}`: {"b", "c", "d"},
		`{"id":"x","names":[],"agents":[{"url":"a","jwks_uri":null}]}`:                        {"a"},
		`{"brand_refs":[{"agents":[{"url":"x"}]}],"Agents":[{"url":"x"}]}`:                    nil,
		`{"agents":null,"house":null,"brands":null,"authorized_operators":null}`:              nil,
	} {
		b, err := readBrand([]byte(doc))
		var got []string
		for _, a := range b.agents {
			if got = append(got, a.url); a.jwks != nil {
				t.Errorf("%s: a key set", doc)
			}
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", doc, got, err)
		}
	}
}

func TestBrandWithAnotherTypeThanTheSchemaIsRefused(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{"house":1}`,
		`{"house":["a.example"]}`,
		`{"authoritative_location":{}}`,
		`{"agents":{}}`,
		`{"agents":[1]}`,
		`{"agents":[{"url":["a"]}]}`,
		`{"agents":[{"url":"a","jwks_uri":1}]}`,
		`{"house":{"agents":"a"}}`,
		`{"brands":{}}`,
		`{"brands":[{"agents":1}]}`,
		`{"authorized_operators":{}}`,
		`{"authorized_operators":[{"domain":1}]}`,
		`[]`,
		`{`,
		`{"x":{"a":1,"\u0061":2}}`,
	} {
		if b, err := readBrand([]byte(doc)); err == nil {
			t.Errorf("%s: %+v", doc, b)
		}
	}
}

func TestOperatorIsAuthorizedWithinItsValidity(t *testing.T) {
	t.Parallel()
	b, err := readBrand([]byte(`{"authorized_operators":[
		{"domain":"a.example","valid_from":1},
		{"domain":"b.example","valid_until":"never"},
		{"brands":["*"]},
		{"domain":"c.example","valid_from":"2026-11-23T12:00:00Z",
			"valid_until":"2026-11-23T14:00:00+01:00","scopes":["governance"]}]}`))
	if err != nil || len(b.operators) != 4 {
		t.Fatal(b, err)
	}
	for _, tc := range []struct {
		host string
		at   time.Duration
		want bool
	}{
		{"x.a.example", 0, false},
		{"b.example", 0, false},
		{"c.example", -1, false},
		{"x.c.example", 0, true},
		{"c.example", time.Hour - 1, true},
		{"c.example", time.Hour, false},
		{"", 0, false},
		{"127.0.0.1", 0, false},
	} {
		if got := b.authorizes(tc.host, start.Add(tc.at)); got != tc.want {
			t.Errorf("%s at %v: %v", tc.host, tc.at, got)
		}
	}
}
