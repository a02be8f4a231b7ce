package operation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gowebpki/jcs"

	"adcp-orchestrator/pkg/adcp"
)

// Fingerprint is the hexadecimal SHA-256 of the JCS of {task_type, status, value} (contract H4), or
// "" if the answer carries no value of its own. A value without a canonical form, for example with
// half an emoji in a display text, is taken as it is: its contradictions have to be seen too.
func Fingerprint(task adcp.Task, a adcp.Answer) string {
	if len(a.Value) == 0 || a.Snapshot || a.ResultMissing {
		return ""
	}
	value := a.Compared()
	return fingerprintOf(task, a.Status, value, canonical(value))
}

// fingerprintOf joins the parts in the order of JCS, so that a value is brought into its canonical
// form only once; the names of tasks and statuses need no escapes. The value itself stands for a
// form that is nil.
func fingerprintOf(task adcp.Task, status adcp.Status, value, form []byte) string {
	if form == nil {
		form = value
	}
	h := sha256.New()
	h.Write([]byte(`{"status":"` + string(status) + `","task_type":"` + string(task) + `","value":`))
	h.Write(form)
	h.Write([]byte("}"))
	return hex.EncodeToString(h.Sum(nil))
}

// canonical returns the JCS of a JSON value, or nil if it has none: a number is too large, or a
// string is no valid Unicode.
func canonical(raw []byte) []byte {
	wrapped, err := jcs.Transform(slices.Concat([]byte("["), raw, []byte("]"))) // jcs takes no bare scalars
	if err != nil {
		return nil
	}
	return wrapped[1 : len(wrapped)-1]
}

// What is kept of an end's members, so that the operation stays one small item of the table.
const (
	maxMembers    = 64
	maxMemberName = 64 // bytes
)

// identity is the member that names what a media buy's task has made.
const identity = "media_buy_id"

// end is what ends are compared by.
type end struct {
	fingerprint string            // empty without a value, and of one that can't be compared (contract H5)
	members     map[string]string // digests of the business members by name
	values      map[string]json.RawMessage
	isCanonical bool // the values are in their canonical form
	ignored     func(name string) bool
}

// endOf returns what a terminal answer is compared by. Without a value it is empty; members are nil
// if there are too many to keep. Of a value that can't be compared (contract H5) only the buy's id
// counts.
func endOf(task adcp.Task, a adcp.Answer) end {
	value := a.Compared()
	if len(value) == 0 {
		return end{}
	}
	whole := canonical(value)
	e := end{isCanonical: whole != nil, ignored: ignoredWithin(task)}
	if !a.Snapshot && !a.ResultMissing {
		e.fingerprint = fingerprintOf(task, a.Status, value, whole)
	}
	body := whole
	if body == nil {
		body = value
	}
	if json.Unmarshal(body, &e.values) != nil {
		e.values = nil
	}
	e.members = e.memberDigests()
	if e.fingerprint == "" && e.members != nil {
		id, ok := e.members[identity]
		if e.members = nil; ok {
			e.members = map[string]string{identity: id}
		}
	}
	return e
}

// memberDigests returns the digests of an object's business members. A null is the same as nothing.
func (e end) memberDigests() map[string]string {
	if e.values == nil {
		return nil
	}
	digests := make(map[string]string, len(e.values))
	for name, raw := range e.values {
		business := name == "status" || !adcp.EnvelopeMember(name) // a 3.0 agent's status is the buy's (contract A7)
		if !business || string(raw) == "null" {
			continue
		}
		if len(name) > maxMemberName || len(digests) == maxMembers {
			return nil
		}
		if name == identity && strings.Trim(string(raw), "0123456789") == "" {
			raw = json.RawMessage(`"` + string(raw) + `"`) // some agents write a number in one channel
		}
		form := []byte(raw)
		if !e.isCanonical {
			form = canonical(raw)
		}
		sum := sha256.Sum256(withoutNulls(raw, form))
		digests[name] = hex.EncodeToString(sum[:16])
	}
	return digests
}

// withoutNulls returns a value in a form that is equal for equal values, without the null members
// of its objects: some agents write them over one channel and omit them over another. form is the
// value's JCS, nil if it has none.
func withoutNulls(raw, form []byte) []byte {
	if form != nil && !bytes.Contains(form, []byte("null")) {
		return form
	}
	source := form
	if form == nil {
		source = raw
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(source))
	d.UseNumber() // the text of a number that no float holds
	if d.Decode(&v) != nil {
		return source
	}
	b, err := json.Marshal(pruned(v, nil))
	if err != nil {
		return source
	}
	if again := canonical(b); again != nil {
		return again
	}
	return b
}

// pruned removes null members, and those that are ignored, from objects at every depth.
func pruned(v any, ignored func(name string) bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil || ignored != nil && ignored(name) {
				delete(v, name)
			} else {
				v[name] = pruned(member, ignored)
			}
		}
	case []any:
		for i := range v {
			v[i] = pruned(v[i], ignored)
		}
	}
	return v
}
