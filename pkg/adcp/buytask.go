package adcp

// MakesBuy reports whether a task makes a media buy. accept_proposal may change one instead, which
// only its answer says (contract A32).
func (t Task) MakesBuy() bool { return t == CreateMediaBuy || t == BuyProducts || t == AcceptProposal }

// ChangesBuy reports whether a task changes the media buy that its request names.
func (t Task) ChangesBuy() bool { return t == UpdateMediaBuy || t == ControlMediaBuy }

// AboutBuy reports whether a task is about one media buy: its answers name it.
func (t Task) AboutBuy() bool { return t.MakesBuy() || t.ChangesBuy() }
