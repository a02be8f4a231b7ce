package operation

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"adcp-orchestrator/pkg/adcp"
)

// The rule that another channel may show fewer or more members for the same end holds at any depth:
// for a package's context or buyer_ref as for the buy's. So of each object and each list among an
// end's members, digests of its parts are kept.

// What is kept of the parts of an end.
const (
	maxParts = 512 // 8 KiB of an item
	halfPart = 8   // characters: 48 bits of the path's digest, then as many of the content's
	// wholeMark begins the digest of a member with more parts than are kept, which is compared as a
	// whole.
	wholeMark = "="
)

// ignoredWithin returns which members are not compared inside of other members: those of the
// envelope, and for a task about a buy what says how the buy and its packages stand.
func ignoredWithin(task adcp.Task) func(name string) bool {
	standing := slices.Concat(changesLater, followsFrom)
	if !task.AboutBuy() {
		standing = nil
	}
	return func(name string) bool {
		return slices.Contains(standing, name) || name != "status" && adcp.EnvelopeMember(name)
	}
}

// partsOf returns what is kept of the parts of the compared members: for each object or list the
// digests of what is in it, or one digest if the parts are too many. Nil if there are none.
func (e end) partsOf() map[string]string {
	var kept map[string]string
	left := maxParts
	for _, name := range slices.Sorted(maps.Keys(e.members)) {
		raw := e.values[name]
		if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
			continue
		}
		if kept == nil {
			kept = map[string]string{}
		}
		if parts, ok := e.parts(raw, left); ok {
			kept[name] = parts
			left -= len(parts) / (2 * halfPart)
		} else {
			kept[name] = e.whole(raw)
		}
	}
	return kept
}

// agrees reports whether a member agrees with what is kept of the same member of another end, in
// all parts that both have.
func (e end) agrees(kept, name string) bool {
	raw := e.values[name]
	if kept == "" || len(raw) == 0 || len(kept)%(2*halfPart) != 0 && kept[:1] != wholeMark {
		return false
	}
	if kept[:1] == wholeMark {
		return e.whole(raw) == kept
	}
	seen, ok := e.parts(raw, 4*maxParts)
	if !ok {
		return false
	}
	content := map[string]string{}
	for part := range slices.Chunk([]byte(kept), 2*halfPart) {
		content[string(part[:halfPart])] = string(part[halfPart:])
	}
	for part := range slices.Chunk([]byte(seen), 2*halfPart) {
		if before, both := content[string(part[:halfPart])]; both && before != string(part[halfPart:]) {
			return false
		}
	}
	return true
}

// parts returns the digests of a value's parts, one behind the other. ok is false if there are more
// than limit.
func (e end) parts(raw json.RawMessage, limit int) (parts string, ok bool) {
	w := partsWalk{end: e, left: limit}
	ok = w.add("", raw)
	return string(w.parts), ok
}

type partsWalk struct {
	end   end
	left  int
	parts []byte
}

// add adds a value that stands at a path, with all that is in it. An object counts as one part, so
// that it differs from a list or a text in its place; of a list its length counts as well.
func (w *partsWalk) add(path string, raw json.RawMessage) bool {
	switch raw[0] {
	case '{':
		var members map[string]json.RawMessage
		if json.Unmarshal(raw, &members) != nil || !w.part(path, "{") {
			return false
		}
		for _, name := range slices.Sorted(maps.Keys(members)) {
			member := members[name]
			if w.end.ignored(name) || string(member) == "null" {
				continue
			}
			if !w.add(path+"\x00."+name, member) {
				return false
			}
		}
		return true
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(raw, &elements) != nil || !w.part(path, "["+strconv.Itoa(len(elements))) {
			return false
		}
		for i, element := range elements {
			if !w.add(path+"\x00#"+strconv.Itoa(i), element) {
				return false
			}
		}
		return true
	}
	content := []byte(raw)
	if !w.end.isCanonical {
		if form := canonical(raw); form != nil {
			content = form
		}
	}
	return w.part(path, string(content))
}

func (w *partsWalk) part(path, content string) bool {
	if w.left--; w.left < 0 {
		return false
	}
	p, c := sha256.Sum256([]byte(path)), sha256.Sum256([]byte(content))
	w.parts = base64.RawStdEncoding.AppendEncode(w.parts, slices.Concat(p[:6], c[:6]))
	return true
}

// whole returns the digest of a member without what is not compared in it.
func (e end) whole(raw json.RawMessage) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	form := []byte(raw)
	if d.Decode(&v) == nil {
		if b, err := json.Marshal(pruned(v, e.ignored)); err == nil {
			form = b
		}
	}
	if c := canonical(form); c != nil {
		form = c
	}
	sum := sha256.Sum256(form)
	return wholeMark + hex.EncodeToString(sum[:16])
}
