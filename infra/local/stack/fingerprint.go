package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fingerprint is a hash of files and texts. It depends on their contents and relative names, not on
// times or on the place of the repository.
type fingerprint struct {
	root  string
	lines []string
}

func newFingerprint(root string) *fingerprint { return &fingerprint{root: root} }

func (f *fingerprint) text(name, value string) {
	f.lines = append(f.lines, fmt.Sprintf("%q=%q", name, value))
}

// file adds a file's content, or the fact that it is absent.
func (f *fingerprint) file(path string) error {
	rel, err := filepath.Rel(f.root, path)
	if err != nil {
		return err
	}
	in, err := os.Open(path)
	if os.IsNotExist(err) {
		f.text(rel, "absent")
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return err
	}
	f.text(filepath.ToSlash(rel), hex.EncodeToString(hash.Sum(nil)))
	return nil
}

// tree adds the files below dir that keep accepts. keep gets slash-separated paths relative to dir.
func (f *fingerprint) tree(dir string, keep func(path string) bool) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) && path == dir {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() || !keep(filepath.ToSlash(rel)) {
			return nil
		}
		return f.file(path)
	})
}

func (f *fingerprint) sum() string {
	slices.Sort(f.lines)
	sum := sha256.Sum256([]byte(strings.Join(f.lines, "\n")))
	return hex.EncodeToString(sum[:])
}

func anyFile(string) bool { return true }

// buildInput accepts what a Go build may read, including embedded files. It rejects tests, their
// data and Markdown files.
func buildInput(path string) bool {
	return !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".md") &&
		!strings.Contains("/"+path, "/testdata/")
}
