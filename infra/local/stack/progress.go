package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress prints what is happening and how long each step took. Steps may run side by side, so
// each line can be read alone.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
}

// NewProgress returns a Progress that prints to out. io.Discard keeps it quiet.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out} }

// Printf prints a line.
func (p *Progress) Printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// Step announces a step, runs it, and prints how long it took. It wraps the error with the step's
// name.
func (p *Progress) Step(name string, run func() error) error {
	p.Printf("  ...     %s", name)
	began := time.Now()
	if err := run(); err != nil {
		p.Printf("  failed  %s (%s)", name, seconds(time.Since(began)))
		return fmt.Errorf("%s: %w", name, err)
	}
	p.Printf("  done    %s (%s)", name, seconds(time.Since(began)))
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
