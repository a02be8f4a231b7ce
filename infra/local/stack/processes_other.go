//go:build !linux

package stack

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// processes lists the running processes, without zombies.
func processes() ([]process, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := command{name: "ps", args: []string{"-axww", "-o", "pid=,pgid=,stat=,command="}}.run(ctx)
	if err != nil {
		return nil, err
	}
	var all []process
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) < 4 || strings.HasPrefix(f[2], "Z") {
			continue
		}
		pid, err1 := strconv.Atoi(f[0])
		group, err2 := strconv.Atoi(f[1])
		if err1 == nil && err2 == nil {
			all = append(all, process{pid, group, strings.Join(f[3:], " ")})
		}
	}
	return all, nil
}
