package sim

// interleaver lets actors take their steps one at a time, in a chosen order. Each effect of an
// actor is a step. The same choices make the same run.
type interleaver struct {
	// prefix holds the first choices; after them the first actor that can take a step takes it.
	// taken and width record what was chosen, and out of how many.
	prefix, taken, width []int
	crash                *arrow
	actors               []*actor
}

// arrow is a point at which an actor dies: at its nth step, before its effect or after it.
type arrow struct {
	actor string
	step  int
	after bool
}

// actor is one process: the run of a function, or a delivery.
type actor struct {
	name string
	// ready reports whether the actor may start; with nil it starts at once.
	ready func() bool
	run   func(*actor)

	schedule      *interleaver
	started, done bool
	// unscheduled actors take their steps at once.
	unscheduled, dead bool
	steps             int
	turn, parked      chan struct{}
}

// step waits for the actor's turn and does something, unless the actor dies of it.
func (a *actor) step(do func() error) error {
	if a.unscheduled {
		return do()
	}
	a.steps++
	a.parked <- struct{}{}
	<-a.turn
	c := a.schedule.crash
	if c == nil || c.actor != a.name || c.step != a.steps {
		return do()
	}
	if c.after {
		_ = do() // the actor dies before it gets the result
	}
	panic(killed{})
}

func (a *actor) start() {
	a.started, a.turn, a.parked = true, make(chan struct{}), make(chan struct{})
	go func() {
		a.dead = runProcess(func() { a.run(a) })
		a.done = true
		a.parked <- struct{}{}
	}()
	<-a.parked
}

// run runs all actors to their ends.
func (s *interleaver) run() {
	for {
		var runnable []*actor
		for _, a := range s.actors {
			if a.schedule = s; !a.started && (a.ready == nil || a.ready()) {
				a.start()
			}
			if a.started && !a.done {
				runnable = append(runnable, a)
			}
		}
		if len(runnable) == 0 {
			return
		}
		choice := 0
		if len(s.taken) < len(s.prefix) {
			choice = s.prefix[len(s.taken)]
		}
		s.taken, s.width = append(s.taken, choice), append(s.width, len(runnable))
		runnable[choice].turn <- struct{}{}
		<-runnable[choice].parked
	}
}

// next returns the prefix of the next order, depth first; ok is false after the last one.
func (s *interleaver) next() (prefix []int, ok bool) {
	for i := len(s.taken) - 1; i >= 0; i-- {
		if s.taken[i]+1 < s.width[i] {
			return append(append([]int{}, s.taken[:i]...), s.taken[i]+1), true
		}
	}
	return nil, false
}
