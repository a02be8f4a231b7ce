package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress prints what is happening and how long each step took. Steps may run side by side, so each line stands for itself.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
}

// NewProgress writes to out; io.Discard keeps quiet.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out} }

// Printf prints a line.
func (p *Progress) Printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// Step announces a step, runs it and reports its duration.
func (p *Progress) Step(name string, run func() error) error {
	p.Printf("  ...     %s", name)
	began := time.Now()
	if err := run(); err != nil {
		p.Printf("  failed  %s after %s", name, seconds(time.Since(began)))
		return fmt.Errorf("%s: %w", name, err)
	}
	p.Printf("  done    %s in %s", name, seconds(time.Since(began)))
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
