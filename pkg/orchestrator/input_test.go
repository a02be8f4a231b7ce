package orchestrator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/validation"
)

// Every wrong field is named, all at once.
func TestParseInputNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		fields []string
	}{
		"an empty object": {`{}`, []string{"generation", "input"}},
		"not an object":   {`[]`, []string{"(body)"}},
		"a member twice":  {`{"generation":1,"generation":2}`, []string{"(body)"}},
		"members that an input can't set": {
			`{"generation":1,"input":{"idempotency_key":"k","account":{"account_id":"other"},"context":{}},"on_behalf_of":"j"}`,
			[]string{"input.idempotency_key", "input.account", "input.context"},
		},
		"another natural key": {
			`{"generation":1,"input":{"po_number":"PO-2","purchase_order_ref":"PO-2","media_buy_id":"mb_2"},"on_behalf_of":"j"}`,
			[]string{"input.po_number", "input.purchase_order_ref", "input.media_buy_id"},
		},
		"an unknown member": {
			`{"generation":1,"input":{},"on_behalf_of":"j","decision":"yes"}`,
			[]string{"decision"},
		},
		"an approver on two lines": {`{"generation":1,"input":{},"on_behalf_of":"j\nk"}`, []string{"on_behalf_of"}},
		"generation zero":          {`{"generation":0,"input":{},"on_behalf_of":"j"}`, []string{"generation"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := orchestrator.ParseInput([]byte(tc.body))
			var invalid *validation.Error
			if !errors.As(err, &invalid) {
				t.Fatalf("got %v", err)
			}
			var got []string
			for _, f := range invalid.Fields {
				got = append(got, f.Field)
				if f.Code == "" || !strings.HasPrefix(f.Rule, "must ") || f.Remedy == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			slices.Sort(got)
			slices.Sort(tc.fields)
			if !slices.Equal(got, tc.fields) {
				t.Errorf("named %v", got)
			}
		})
	}
}

// The input's arguments are checked together with those of the request, and may not contain the
// place of the webhook's credential.
func TestInputArgumentsAreChecked(t *testing.T) {
	t.Parallel()
	h := inputHarness(t)
	for body, want := range map[string]validation.FieldError{
		strings.Replace(approval, "2027-07-31T23:59:59Z", "soon", 1): {
			Field: "request.end_time",
			Code:  validation.InvalidValue,
		},
		strings.Replace(approval, `"a"`, `"webhook-credential:`+h.id+`"`, 1): {
			Field: "input.ext",
			Code:  validation.Reserved,
		},
	} {
		var invalid *validation.Error
		_, err := h.sendInput(body)
		if !errors.As(err, &invalid) || invalid.Fields[0].Field != want.Field || invalid.Fields[0].Code != want.Code {
			t.Errorf("%s: %v", want.Field, err)
		}
	}
	if op := h.op(); op.InputRequest.Input.State != "" {
		t.Errorf("stored %+v", op.InputRequest.Input)
	}
}
