package stack

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// Instance is a local stack with a name, and with ports, state and processes of its own. It is
// saved in .local/<name>/instance.json as soon as a process exists, so that a later command finds
// what an interrupted one left.
type Instance struct {
	Name  string `json:"name"`
	Ports Ports  `json:"ports"`

	LocalStack int `json:"localstack_pid"` // process groups; 0 means none
	Seller     int `json:"seller_pid"`

	SellerToken string `json:"seller_token"`

	// Fingerprints of what runs and of what is deployed.
	Runtime string `json:"runtime,omitempty"` // what LocalStack was started from
	Agent   string `json:"agent,omitempty"`   // what the seller was started from
	Sources string `json:"sources,omitempty"` // the sources of what is deployed
	// Deployed has a fingerprint for each function's code, by name, and one for the infrastructure.
	Deployed map[string]string `json:"deployed,omitempty"`
	// Swapped means that hotSwap gave functions other code than CloudFormation knows.
	Swapped bool `json:"swapped,omitempty"`

	Outputs map[string]string `json:"outputs,omitempty"` // of the CloudFormation stack

	layout Layout
	mu     sync.Mutex // held by update
}

// CredentialRef names the secret that holds the demo seller's bearer token.
const CredentialRef = "adcp/demo/seller"

// Open reads an instance, running or not. An unknown name is an instance without processes.
func Open(l Layout, name string) (*Instance, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	in := &Instance{Name: name, layout: l}
	text, err := os.ReadFile(in.Dir("instance.json"))
	if os.IsNotExist(err) {
		return in, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, in); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Dir("instance.json"), err)
	}
	in.Name, in.layout = name, l
	return in, nil
}

// update changes the instance and saves it. Concurrent steps must change it only through update.
func (in *Instance) update(change func()) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	change()
	if err := os.MkdirAll(in.Dir(), 0o755); err != nil {
		return err
	}
	return writeJSON(in.Dir("instance.json"), in)
}

// Dir returns a path in the instance's directory.
func (in *Instance) Dir(elem ...string) string {
	return in.layout.local(append([]string{in.Name}, elem...)...)
}

// SpawnEnv is the path of a file with variables. While it exists, each new function process gets
// them. Tests use it to put a proxy before the table.
func (in *Instance) SpawnEnv() string { return in.Dir("spawn.env") }

// Concurrency is the path of a file with a number. While it exists, the account's quota of
// concurrent executions of functions is that number.
func (in *Instance) Concurrency() string { return in.Dir("concurrency") }

// Endpoint returns LocalStack's URL.
func (in *Instance) Endpoint() string { return "http://" + loopback(in.Ports.LocalStack) }

// APIURL returns the base URL of the orchestrator's API, whose routes begin with /v1. It is empty
// before the first deployment.
func (in *Instance) APIURL() string {
	id := in.Outputs["ApiId"]
	if id == "" {
		return ""
	}
	return in.Endpoint() + "/_aws/execute-api/" + id + "/live"
}

func (in *Instance) sellerHTTP(path string) string {
	return "http://" + loopback(in.Ports.SellerHTTP) + path
}

// Running reports which of the instance's processes run.
func (in *Instance) Running() (localstack, seller bool) {
	return in.layout.alive(in.LocalStack), in.layout.alive(in.Seller)
}

// prepare empties the instance's directories and state for a new start. State of an earlier start
// is useless, because LocalStack and the seller keep theirs in memory.
func (in *Instance) prepare() error {
	// A test that was killed may have left the last two.
	for _, path := range []string{in.Dir("root"), in.Dir("tmp"), in.Dir("logs"), in.SpawnEnv(), in.Concurrency()} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	for _, name := range []string{
		"tmp",
		filepath.Join("logs", "functions"),
		filepath.Join("root", "var", "lib", "localstack", "lib", "jsonata"),
	} {
		if err := os.MkdirAll(in.Dir(name), 0o755); err != nil {
			return err
		}
	}
	in.SellerToken = rand.Text()
	in.Sources, in.Deployed, in.Swapped, in.Outputs = "", nil, false, nil
	return nil
}
