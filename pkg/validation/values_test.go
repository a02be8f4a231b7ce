package validation_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/validation"
)

// badValues returns the fields with bad values in an object, as "field: rule".
func badValues(object string) (found []validation.FieldError) {
	var c validation.Checks
	c.AddBadValues([]byte(object))
	var invalid *validation.Error
	if errors.As(c.Err(), &invalid) {
		found = invalid.Fields
	}
	return found
}

func TestEachBadValueIsNamedByItsPath(t *testing.T) {
	t.Parallel()
	for object, want := range map[string][]string{
		`{"a":{"packages":[{"budget":1},{"budget":1e400}]}}`: {"a.packages[1].budget"},
		`{"a":[[1,2],[3,{"b":-1e999}]]}`:                     {"a[1][1].b"},
		`{"a":9007199254740993,"b":9007199254740992}`:        {"a", "b"},
		`{"a":-9007199254740992,"b":9.007199254740993e15}`:   {"a", "b"},
		`{"a":9007199254740993.0,"b":1e-400}`:                {"a", "b"},
		`{"a":"half \ud83d","b":"half \ude00"}`:              {"a", "b"},
		`{"a":"\ud83d\ud83d\ude00","b":"\ud83dx"}`:           {"a", "b"},
		`{"\ud83d":1}`:                       {`["\\ud83d"]`},
		"{\"a\":\"caf\xe9\"}":                {"a"},
		"{\"a\":{\"caf\xe9\":1}}":            {`a["caf\xe9"]`},
		`{"a b":[1e400],"c.d":{"e":1e400}}`:  {`["a b"][0]`, `["c.d"].e`},
		`{"a":"\\ud83d","b":"\ud83d\ude00"}`: nil,
		`{"a":9007199254740991,"b":-9007199254740991,"c":0.1,"d":0,"e":-0.0e5,"f":1e15}`: nil,
		`{"a":[],"b":{},"c":[true,null,{"d":"1e400"}]}`:                                  nil,
	} {
		var got []string
		for _, f := range badValues(object) {
			got = append(got, f.Field)
			if f.Code != validation.InvalidValue || !strings.HasPrefix(f.Rule, "must ") || f.Remedy == "" {
				t.Errorf("%s: %+v", object, f)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: named %q, want %q", object, got, want)
		}
	}
}

// Two numbers that are read as the same double would have one fingerprint.
func TestDecimalsBeyondADoubleAreRefused(t *testing.T) {
	t.Parallel()
	for number, accepted := range map[string]bool{
		"1000.01": true, "1000.0100000000000001": false, "1000.010000000000000": true,
		"0.1": true, "0.10000000000000000001": false, "-0.1": true, "-0.10000000000000000001": false,
		"0.30000000000000004": true, "0.300000000000000041": false, "1.0000000000000000001": false,
		"123456789.123456789012": false, "123456789.12345679": true,
		"1e-7": true, "1E-7": true, "0.0000001": true, "1.5e+3": true, "150000e-2": true, "1e15": true,
		"0": true, "-0": true, "0.000": true, "0e99999999999999999999": true, "1e-400": false,
		"5e-324": true, "4e-324": false, "2.2250738585072014e-308": true,
		"9007199254740991": true, "9007199254740990.5": false, "9007199254740991.0": true,
	} {
		if got := len(badValues(`{"n":`+number+`}`)) == 0; got != accepted {
			t.Errorf("%s is accepted: %v", number, got)
		}
	}
}

func TestAFieldIsNamedOnce(t *testing.T) {
	t.Parallel()
	var c validation.Checks
	c.Add("a", validation.Required, "must be there", "send it")
	c.AddBadValues([]byte(`{"a":1e400,"b":1e400}`))
	var invalid *validation.Error
	if !errors.As(c.Err(), &invalid) || len(invalid.Fields) != 2 || invalid.Fields[1].Field != "b" {
		t.Errorf("got %v", c.Err())
	}
}

// A body of a megabyte with a hundred thousand wrong values needs an answer that can be delivered.
func TestAnswerWithVeryManyWrongFieldsIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 1<<16)
	for name, object := range map[string]string{
		"many values": `{"a":[` + strings.Repeat("1e400,", 100_000) + `1]}`,
		"long names":  `{"` + long + `":{"` + long + `":1e400}}`,
		"deep":        strings.Repeat(`{"`+long[:60]+`":`, 90) + "1e400" + strings.Repeat("}", 90),
	} {
		found := badValues(object)
		b, err := json.Marshal(found)
		if err != nil || len(found) == 0 || len(found) > 51 || len(b) > 64<<10 {
			t.Errorf("%s: %d fields in %d bytes, %v", name, len(found), len(b), err)
		}
		if last := found[len(found)-1]; name == "many values" &&
			(last.Field != "(more)" || !strings.Contains(last.Rule, "99950 more")) {
			t.Errorf("%s: the last is %+v", name, last)
		}
	}
}

func TestLineRefusesWhatCannotBeSeen(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"jane@acme.example":       true,
		"Zoë Müller, 北京":          true,
		"12345":                   true,
		"123456":                  true,
		strings.Repeat("é", 200):  true,
		strings.Repeat("é", 201):  false,
		"":                        false,
		" \t ":                    false,
		"a\nb":                    false,
		"jane\u202enaj":           false,
		"ja\u200bne":              false,
		"ja\u2060ne":              false,
		"jane\u2028":              false,
		"jane\u2029":              false,
		"jane\u0085":              false,
		"jane\x7f":                false,
		"\ufeffjane":              false,
		"\u2066jane\u2069":        false,
		"jane\ufffd":              false,
		"jane\xff":                false,
		"jane\U000e0041\u061cdoe": false,
	} {
		if got := validation.Line(s, 200); got != want {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// Whatever is accepted has a canonical form, and every error has a field and a bounded size.
func FuzzAddBadValues(f *testing.F) {
	for _, seed := range []string{
		`{"a":[{"b":1e400},"\ud83d\ude00",9007199254740993]}`, "{\"\xff\":\"\\ud800\"}", `{"":{"":[[-0.0]]}}`,
		`{"a":"\\\"\\ud83d"}`, `{"a":1E-400,"b":"é"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if adcp.CheckObject(body) != nil {
			return
		}
		found := badValues(string(body))
		for _, e := range found {
			if e.Field == "" || len(e.Field) > 600 {
				t.Errorf("named %q", e.Field)
			}
		}
		_, err := digest.JSON(body)
		if err != nil && len(found) == 0 {
			t.Errorf("accepted, but: %v", err)
		}
	})
}
