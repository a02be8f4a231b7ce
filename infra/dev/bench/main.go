// Command bench measures what each function costs to start, beside an empty aws-lambda-go handler
// in the same run: the time from the start of the process to its first request to the runtime API,
// and the size of the zip file that is deployed. Run it at the repository's root.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// reference is the row that the functions are compared with.
const reference = "empty handler"

func main() {
	rounds := flag.Int("rounds", 150, "starts of each function")
	flag.Parse()
	if err := run(*rounds, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(rounds int, out io.Writer) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	functions, err := filepath.Glob("functions/*")
	if err != nil {
		return err
	}
	if len(functions) == 0 {
		return errors.New("run this at the repository's root")
	}
	names, packages := []string{reference}, []string{"./infra/dev/bench/empty"}
	for _, f := range functions {
		names, packages = append(names, filepath.Base(f)), append(packages, "./"+f)
	}
	sizes, err := buildAll(dir, names, packages)
	if err != nil {
		return err
	}
	starts, err := startAll(dir, names, rounds)
	if err != nil {
		return err
	}
	return printTable(out, names, starts, sizes, rounds)
}

// buildAll builds each package into dir under its name, and returns its zip size for arm64.
func buildAll(dir string, names, packages []string) (map[string]int, error) {
	sizes := map[string]int{}
	for i, name := range names {
		fmt.Fprintf(os.Stderr, "building %s (%d of %d)\n", name, i+1, len(names))
		if err := build(packages[i], runtime.GOARCH, filepath.Join(dir, name)); err != nil {
			return nil, err
		}
		arm := filepath.Join(dir, name+"-arm64")
		if err := build(packages[i], "arm64", arm); err != nil {
			return nil, err
		}
		var err error
		if sizes[name], err = zipSize(arm); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

// startAll starts each program once a round. The programs take turns, so that other load on the
// machine affects all of them alike.
func startAll(dir string, names []string, rounds int) (map[string][]time.Duration, error) {
	starts := map[string][]time.Duration{}
	for round := range rounds + 1 { // round 0 only warms the file cache
		for _, name := range names {
			d, err := start(filepath.Join(dir, name))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if round > 0 {
				starts[name] = append(starts[name], d)
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", round, rounds)
	}
	fmt.Fprintln(os.Stderr)
	return starts, nil
}

func printTable(out io.Writer, names []string, starts map[string][]time.Duration, sizes map[string]int,
	rounds int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "function\tstart, median\tfastest\tto empty handler\tzip for arm64\t\n")
	base := median(starts[reference])
	for _, name := range names {
		m := median(starts[name])
		fmt.Fprintf(w, "%s\t%.2f ms\t%.2f ms\t%.2f\t%.2f MB\t\n", name,
			ms(m), ms(slices.Min(starts[name])), float64(m)/float64(base), float64(sizes[name])/1e6)
	}
	fmt.Fprintf(w, "%d starts each, %s/%s, %s\n", rounds, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return w.Flush()
}

// build compiles a package as it is deployed.
func build(pkg, arch, to string) error {
	c := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-tags", "lambda.norpc", "-o", to, pkg)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	c.Stderr = os.Stderr
	return c.Run()
}

// zipSize returns the size in bytes of the zip file that a deployment uploads for a program.
func zipSize(path string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	f, err := z.Create("bootstrap")
	if err != nil {
		return 0, err
	}
	if _, err := f.Write(b); err != nil {
		return 0, err
	}
	err = z.Close()
	return out.Len(), err
}

// environment holds every variable that a function requires, with values that are never used.
var environment = []string{
	"AWS_LAMBDA_FUNCTION_NAME=bench",
	"_LAMBDA_SERVER_PORT=0",
	"AWS_REGION=us-east-1",
	"AWS_ACCESS_KEY_ID=x",
	"AWS_SECRET_ACCESS_KEY=x",
	"TABLE_NAME=t",
	"STATE_MACHINE_ARN=arn:aws:states:us-east-1:0:stateMachine:m",
	"EVENT_BUS_NAME=bus",
	"DELIVERY_QUEUE_URL=http://127.0.0.1:1/q", "ENDPOINT_SECRET_ID=e", "NOTICES_TOPIC_ARN=t",
	"MAX_WAITS=10",
	"KEEP_ENDED_DAYS=0",
	"TENANT_LIMITS=requests=200/400,submissions=100/200,deliveries=100/200,agents=1000,openOperations=100000",
	"PUBLIC_BASE_URL=https://api.example/live",
	"WEBHOOK_SECRET_ID=s",
	"SIGNING_KEY_IDS=k",
}

// start runs a function until it requests its first event from the runtime API, and returns how
// long that took.
func start(path string) (time.Duration, error) {
	polled := make(chan time.Time, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case polled <- time.Now():
		default:
		}
		<-r.Context().Done() // no event ever comes
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, path)
	c.Env = append([]string{"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String()}, environment...)
	began := time.Now()
	if err := c.Start(); err != nil {
		return 0, err
	}
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	select {
	case at := <-polled:
		return at.Sub(began), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}

// ms is a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
