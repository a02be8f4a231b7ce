package contract

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// LogVariable names the environment variable that names a file. If it is set, each exchange that
// Hold checks adds a line to the file: the route and the status.
const LogVariable = "CONTRACT_LOG"

var logging sync.Mutex

// Hold checks an exchange of a test, and fails the test where it is not as it is described.
func Hold(t testing.TB, x Exchange) {
	t.Helper()
	o, faults := API().Check(x)
	for _, fault := range faults {
		t.Errorf("against openapi.yaml: %s", fault)
	}
	if o != nil {
		log(t, o.Method, o.Path, x.Status)
	}
}

// Unrouted says that a test's exchange names no route, so that nothing could be checked.
func Unrouted(t testing.TB) {
	t.Helper()
	log(t, "UNROUTED", t.Name(), 0)
}

func log(t testing.TB, method, path string, status int) {
	t.Helper()
	name := os.Getenv(LogVariable)
	if name == "" {
		return
	}
	logging.Lock()
	defer logging.Unlock()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, method, path, status); err != nil {
		t.Fatal(err)
	}
}
