package load

import (
	"container/heap"
	"iter"
	"time"
)

// clock is a virtual time with processes that wait for it. One process runs at a time: until it
// sleeps or ends.
type clock struct {
	now     time.Time
	events  events
	seq     int
	running *process
}

// process is a function that can sleep.
type process struct {
	resume func() (struct{}, bool)
	yield  func(struct{}) bool
}

// at lets something happen at a time. What was planned first happens first.
func (c *clock) at(t time.Time, do func()) {
	if t.Before(c.now) {
		t = c.now
	}
	c.seq++
	heap.Push(&c.events, event{t, c.seq, do})
}

// after lets something happen when a duration is over.
func (c *clock) after(d time.Duration, do func()) { c.at(c.now.Add(d), do) }

// process runs a function that may sleep. It returns at its first sleep, or at its end.
func (c *clock) process(do func()) {
	p := &process{}
	p.resume, _ = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		do()
	})
	c.run(p)
}

func (c *clock) run(p *process) {
	before := c.running
	c.running = p
	p.resume()
	c.running = before
}

// sleep lets time go by for the process that runs.
func (c *clock) sleep(d time.Duration) {
	p := c.running
	c.after(d, func() { c.run(p) })
	p.yield(struct{}{})
}

// advance lets happen what happens until a time.
func (c *clock) advance(until time.Time) {
	for len(c.events) > 0 && !c.events[0].at.After(until) {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	c.now = until
}

// event is something that happens at a time.
type event struct {
	at  time.Time
	seq int
	do  func()
}

// events is a heap: the next event first.
type events []event

func (e events) Len() int { return len(e) }

func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}

func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

func (e *events) Push(x any) { *e = append(*e, x.(event)) }

func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{} // nothing keeps what it holds alive
	*e = (*e)[:last]
	return x
}
