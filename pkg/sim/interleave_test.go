package sim

// stage lets players take their steps one at a time, in an order that is chosen: each effect of a player is a step. The same choices make the same play.
type stage struct {
	// prefix is what is chosen first; from there on the first player that can go goes. taken and width tell what was chosen, out of how many.
	prefix, taken, width []int
	dies                 *arrow
	players              []*player
}

// arrow is a point at which a player dies: at its nth step, before its effect or after it.
type arrow struct {
	player string
	step   int
	after  bool
}

// player is one process: a function's run, or a delivery.
type player struct {
	name string
	// ready says when it may enter; nil is at once.
	ready func() bool
	run   func(*player)

	stage         *stage
	entered, done bool
	// free players are on no stage: what they do is done at once.
	free, dead   bool
	steps        int
	turn, parked chan struct{}
}

// at takes one step.
func (p *player) at(do func() error) error {
	if p.free {
		return do()
	}
	p.steps++
	p.parked <- struct{}{}
	<-p.turn
	d := p.stage.dies
	if d == nil || d.player != p.name || d.step != p.steps {
		return do()
	}
	if d.after {
		_ = do() // nobody hears of it
	}
	panic(killed{})
}

func (p *player) enter() {
	p.entered, p.turn, p.parked = true, make(chan struct{}), make(chan struct{})
	go func() {
		p.dead = process(func() { p.run(p) })
		p.done = true
		p.parked <- struct{}{}
	}()
	<-p.parked
}

func (s *stage) play() {
	for {
		var can []*player
		for _, p := range s.players {
			if p.stage = s; !p.entered && (p.ready == nil || p.ready()) {
				p.enter()
			}
			if p.entered && !p.done {
				can = append(can, p)
			}
		}
		if len(can) == 0 {
			return
		}
		choice := 0
		if len(s.taken) < len(s.prefix) {
			choice = s.prefix[len(s.taken)]
		}
		s.taken, s.width = append(s.taken, choice), append(s.width, len(can))
		can[choice].turn <- struct{}{}
		<-can[choice].parked
	}
}

// next is the prefix of the next play in depth-first order; ok is false after the last.
func (s *stage) next() (prefix []int, ok bool) {
	for i := len(s.taken) - 1; i >= 0; i-- {
		if s.taken[i]+1 < s.width[i] {
			return append(append([]int{}, s.taken[:i]...), s.taken[i]+1), true
		}
	}
	return nil, false
}
