package adcp

// MakesBuy reports whether a task makes a media buy (see Traits).
func (t Task) MakesBuy() bool {
	traits, _ := TraitsOf(t)
	return traits.MakesBuy
}

// ChangesBuy reports whether a task changes the media buy that its request names.
func (t Task) ChangesBuy() bool {
	traits, _ := TraitsOf(t)
	return traits.ChangesBuy
}

// AboutBuy reports whether a task is about one media buy: its answers name it.
func (t Task) AboutBuy() bool { return t.MakesBuy() || t.ChangesBuy() }
