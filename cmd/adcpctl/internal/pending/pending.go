// Package pending remembers which Idempotency-Key a submission was sent with, so that the same file
// sent again is the same purchase, whatever happened to the process that sent it first. The key is
// on the disk before anything is sent.
package pending

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Memory is how long a submission that was answered is remembered: as long, the same file again is
// a question.
const Memory = 24 * time.Hour

// Entry is one submission.
type Entry struct {
	Key string `json:"idempotency_key"`
	// API and File are for people who look into the directory.
	API  string    `json:"api"`
	File string    `json:"file"`
	At   time.Time `json:"at"`
	// OperationID is what the API answered, "" if its answer is not known.
	OperationID string `json:"operation_id,omitempty"`

	path string
	// n counts the submissions of the same body; 0 of none.
	n int
}

// Ledger is the directory of the entries.
type Ledger struct {
	Dir    string
	Now    func() time.Time
	Random io.Reader
}

// name is the same for the same body to the same tenant of the same API.
func name(api, tenant string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", api, tenant)
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// Find returns the last submission of a body, zero if there is none. Known says that the same body
// is a question: the answer to the last one is not known, however old it is, or it came within
// Memory.
func (l Ledger) Find(api, tenant string, body []byte) (last Entry, known bool, err error) {
	last, err = l.last(name(api, tenant, body))
	return last, last.n > 0 && (last.OperationID == "" || l.Now().Sub(last.At) < Memory), err
}

// last reads the newest entry of a name. Entries are never deleted, so their numbers have no gap.
func (l Ledger) last(name string) (e Entry, err error) {
	for n := 1; ; n++ {
		path := l.path(name, n)
		raw, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return e, nil
		}
		if err != nil {
			return e, err
		}
		e = Entry{path: path, n: n}
		if err := json.Unmarshal(raw, &e); err != nil || e.Key == "" {
			return e, fmt.Errorf("%s is damaged: look with adcpctl ops list whether %s was submitted, then delete it",
				path, e.File)
		}
	}
}

func (l Ledger) path(name string, n int) string {
	return filepath.Join(l.Dir, fmt.Sprintf("%s.%d.json", name, n))
}

// Open makes the entry of the submission after last, which Find returned. If another process does
// the same at the same time, both get one entry, unless this one has to be another.
func (l Ledger) Open(last Entry, api, tenant, file string, body []byte, another bool) (Entry, error) {
	random := make([]byte, 16)
	if _, err := io.ReadFull(l.Random, random); err != nil {
		return Entry{}, err
	}
	name := name(api, tenant, body)
	for {
		e := Entry{Key: "adcpctl-" + hex.EncodeToString(random), API: api, File: file, At: l.Now().UTC(),
			n: last.n + 1, path: l.path(name, last.n+1)}
		err := e.write(os.Link) // which replaces nothing
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return e, err
		}
		if last, err = l.last(name); err != nil || !another {
			return last, err
		}
	}
}

// Answered keeps the operation that the API answered with.
func (e Entry) Answered(operationID string) error {
	e.OperationID = operationID
	return e.write(os.Rename)
}

// write puts the entry in its place as a whole, and on the disk.
func (e Entry) write(place func(from, to string) error) error {
	dir := filepath.Dir(e.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	raw, err := json.Marshal(e)
	if err == nil {
		_, err = f.Write(append(raw, '\n'))
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = place(f.Name(), e.path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // the entry is there; a directory can't be synced everywhere
	}
	_ = d.Sync()
	return d.Close()
}
