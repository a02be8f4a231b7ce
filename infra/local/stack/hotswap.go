package stack

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// errNoHotSwap means that a deployment is needed instead.
var errNoHotSwap = errors.New("a function is not deployed under the expected name")

// hotSwap replaces the code of functions in place. It takes a second; a deployment takes twenty.
// CloudFormation does not notice it, so in.Swapped records it: after the next deployment the code
// of all functions has to be replaced again.
func (in *Instance) hotSwap(ctx context.Context, names []string) error {
	deployed, err := in.deployedFunctions(ctx)
	if err != nil {
		return err
	}
	functions := map[string]string{}
	for _, name := range names {
		function, ok := findFunction(deployed, name)
		if !ok {
			return errNoHotSwap
		}
		functions[name] = function
	}
	if err := in.update(func() { in.Swapped = true }); err != nil {
		return err
	}
	for name, function := range functions {
		code, err := zipFunction(filepath.Join(localBuild(in.layout).Dir, name, "bootstrap"))
		if err != nil {
			return err
		}
		body, err := json.Marshal(map[string]string{"ZipFile": base64.StdEncoding.EncodeToString(code)})
		if err != nil {
			return err
		}
		if _, err := in.call(ctx, http.MethodPut, "/2015-03-31/functions/"+function+"/code", "lambda", "", body); err != nil {
			return fmt.Errorf("replace the code of %s: %w", function, err)
		}
	}
	return nil
}

func (in *Instance) deployedFunctions(ctx context.Context) ([]string, error) {
	text, err := in.call(ctx, http.MethodGet, "/2015-03-31/functions/", "lambda", "", nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Functions []struct{ FunctionName string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("list the functions: %w", err)
	}
	var names []string
	for _, f := range list.Functions {
		names = append(names, f.FunctionName)
	}
	return names, nil
}

// findFunction returns the name that CloudFormation gave a function. For submit it looks like
// AdcpOrchestrator-SubmitFunction0A1B2C3D-4e5f. It returns false if there is none, or more than
// one.
func findFunction(deployed []string, name string) (string, bool) {
	prefix := stackName + "-" + strings.ToUpper(name[:1]) + name[1:] + "Function"
	found := ""
	for _, d := range deployed {
		if strings.HasPrefix(d, prefix) {
			if found != "" {
				return "", false
			}
			found = d
		}
	}
	return found, found != ""
}

// zipFunction packs a bootstrap as Lambda expects it. It does not compress it, because the
// archive stays on this machine.
func zipFunction(path string) ([]byte, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	h := &zip.FileHeader{Name: "bootstrap", Method: zip.Store}
	h.SetMode(0o755)
	w, err := z.CreateHeader(h)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(code); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// changedFunctions compares the fingerprints of what is deployed and of what was built. It
// returns the functions whose code differs, or false if anything else differs too.
func changedFunctions(deployed, built map[string]string) ([]string, bool) {
	if len(deployed) != len(built) {
		return nil, false
	}
	var changed []string
	for name, sum := range built {
		have, ok := deployed[name]
		switch {
		case !ok, have != sum && name == infrastructure:
			return nil, false
		case have != sum:
			changed = append(changed, name)
		}
	}
	return changed, true
}
