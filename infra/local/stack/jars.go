package stack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// jar is a file of Maven Central. group is the directory that it is put into.
type jar struct{ group, sha256, path string }

// parseJars reads the manifest: one line for each file, "group sha256 path", and comments after #.
func parseJars(r io.Reader) ([]jar, error) {
	var jars []jar
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("line %d: %d fields, want group, sha256 and path", n, len(f))
		}
		j := jar{f[0], f[1], f[2]}
		if sum, err := hex.DecodeString(j.sha256); err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("line %d: %q is not a SHA-256 in hex", n, j.sha256)
		}
		if !filepath.IsLocal(j.group) || !filepath.IsLocal(j.path) {
			return nil, fmt.Errorf("line %d: group and path must stay below their directories", n)
		}
		jars = append(jars, j)
	}
	return jars, s.Err()
}

const (
	mavenCentral = "https://repo1.maven.org/maven2"
	maxDownloads = 8 // at the same time
	maxAttempts  = 4 // for each file
)

// mavenBase returns the URL of Maven Central, or of the mirror that MAVEN_MIRROR names.
func mavenBase(getenv func(string) string) string {
	if mirror := getenv("MAVEN_MIRROR"); mirror != "" {
		return strings.TrimSuffix(mirror, "/")
	}
	return mavenCentral
}

// fetchJars downloads each file into its group's directory below dir, and checks its digest.
func fetchJars(ctx context.Context, client *http.Client, base, dir string, jars []jar) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxDownloads)
	for _, j := range jars {
		g.Go(func() error {
			target := filepath.Join(dir, j.group, path.Base(j.path))
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			url := base + "/" + j.path
			var err error
			for attempt := range maxAttempts {
				if attempt > 0 {
					if err := sleep(ctx, time.Duration(attempt)*time.Second); err != nil {
						return err
					}
				}
				if err = download(ctx, client, url, target, j.sha256); err == nil || errors.Is(err, errPermanent) {
					return err
				}
			}
			return err
		})
	}
	return g.Wait()
}

// errPermanent marks failures that a retry cannot fix.
var errPermanent = errors.New("giving up")

func download(ctx context.Context, client *http.Client, url, target, sum string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		err := fmt.Errorf("GET %s: %s", url, res.Status)
		if res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests {
			return fmt.Errorf("%w (%w; set MAVEN_MIRROR to use another repository)", err, errPermanent)
		}
		return err
	}
	f, err := os.Create(target)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), res.Body); err != nil {
		return fmt.Errorf("GET %s: %w", url, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != sum {
		return fmt.Errorf(
			"GET %s: the SHA-256 is %s, but infra/local/jars.txt says %s (%w: the repository serves another file)",
			url, got, sum, errPermanent)
	}
	return f.Close()
}
