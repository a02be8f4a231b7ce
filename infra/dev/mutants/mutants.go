package main

// mutant is one way to break what keeps an operation right. The old text occurs once in its file.
type mutant struct {
	name, file, old, new string
}

var mutants = []mutant{
	{"a write whatever the version", "pkg/memory/memory.go", "if !ok || k.op.Version != c.Op.Version-1 {", "if !ok {"},
	{"the last end wins", "pkg/operation/apply.go", "	if op.State.Terminal() {\n		v, detail",
		"	if op.State.Terminal() && next.Terminal() && !sameEnd(*op, a) {\n		op.become(next, a, o)\n		return Advanced, \"\"\n	}\n	if op.State.Terminal() {\n		v, detail"},
	{"any two ends are the same", "pkg/operation/apply.go", "	case sameEnd(op, a):", "	case sameEnd(op, a) || true:"},
	{"an open state after the end", "pkg/operation/state.go", "	case Completed, Failed, Canceled, Rejected:\n		return true", "	case Completed, Failed, Canceled:\n		return true"},
	{"an old answer takes the state back", "pkg/operation/apply.go", "if o.Channel == Direct && !awaited && !next.Terminal() {", "if o.Channel == \"\" {"},
	{"a completed webhook without its result ends", "pkg/operation/apply.go", "if o.Channel == Pushed && next == Completed && len(a.Value) == 0 {", "if o.Channel == \"\" {"},
	{"another task's answers count", "pkg/operation/apply.go", "if a.TaskID != \"\" && op.TaskID != \"\" && a.TaskID != op.TaskID {", "if a.TaskID == \"\" && op.TaskID == \"?\" {"},
	{"another type's answers count", "pkg/operation/apply.go", "if a.TaskType != \"\" && a.TaskType != string(op.Type) {", "if a.TaskType == \"?\" {"},
	{"a poll's not found is the end", "pkg/orchestrator/poll.go", "		reason = operation.TaskNotFound",
		"		return p.apply(ctx, op, m, adcp.Answer{Status: adcp.StatusFailed, Err: r.Err})"},
	{"told before it is owned", "pkg/orchestrator/settle.go", "if ours = op.ClaimPublication(s.Deps.Now().UTC(), owner); !ours {", "if _, ours = owner, op.Unpublished(); !ours || true {"},
	{"a held publication is taken over", "pkg/operation/publish.go", " || op.Publication.Owner != \"\" && op.Publication.Owner != owner && now.Before(op.Publication.LeaseUntil) {", " {"},
	{"settled before it is told", "pkg/orchestrator/settle.go", "	if err := s.Publisher.Publish(ctx, noticeOf(op)); err != nil {\n		return Settled{}, err\n	}\n", "	_ = noticeOf\n"},
	{"one delivery key for two payloads", "pkg/orchestrator/receive.go", "taken.First.Fingerprint != fingerprint:", "taken.First.Fingerprint == \"?\":"},
	{"a delivery is never remembered", "pkg/memory/memory.go", "		if taken && first.ExpiresAt >= s.now().Unix() {\n			return &orchestrator.DeliveryTakenError", "		if taken && first.ExpiresAt < 0 {\n			return &orchestrator.DeliveryTakenError"},
	{"two dispatchers at once", "pkg/operation/life.go", " || op.leased(now, m) {", " {"},
	{"a dispatcher's death is forgotten", "pkg/operation/life.go", "its write\n		d.Unclear = true", "its write\n		d.Unclear = false"},
	{"no answer means not carried out", "pkg/operation/life.go", "	if outcome == adcp.Ambiguous {\n		d.Unclear = true", "	if outcome == adcp.Ambiguous {\n		d.Unclear = false"},
	{"other bytes at each try", "pkg/orchestrator/dispatch.go", "	if credential == \"\" {\n		return request, nil",
		"	if credential == \"\" {\n		return append(append(request[:len(request)-1:len(request)-1], `,\"try\":`...), byte('0'+op.Dial.Attempts%10), '}'), nil"},
	{"a retry_after is cut short", "pkg/operation/life.go", "	op.NotBefore = until\n", "	op.NotBefore = now\n"},
	{"polls share a key", "pkg/orchestrator/poll.go", "}{op.TaskID, sent.Account, true, version, p.NewKey()})", "}{op.TaskID, sent.Account, true, version, op.KeyPrefix + \"-0000-0000\"})"},
	{"nothing is followed after a restart", "pkg/operation/life.go", "	op.Generation++\n	op.TaskToken = \"\"\n	op.DueAt = now.Add(grace)", "	op.Generation++\n	op.TaskToken = \"\"\n	op.DueAt = time.Time{}"},
	{"two answers to one pause", "pkg/orchestrator/resume.go", "	case p.Resume.State != \"\":\n", "	case p.Resume.State == \"?\":\n"},
	{"an answer after the end", "pkg/operation/pause.go", "	case !r.Dial.InFlight && !r.Dial.Unclear:\n		r.State = ResumeStale", "	case !r.Dial.InFlight && !r.Dial.Unclear:"},
	{"a crossing answer is passed over", "pkg/operation/pause.go", "		op.flag(ResumeCrossed, now,", "		_ = op.event(Flagged, Inner, op.State, now,"},
	{"the next question is the same one", "pkg/operation/apply.go", "	if answers && next.Paused()", "	if answers && (next == \"\")"},
	{"the caller's repetition is another answer", "pkg/orchestrator/resume.go", "	case same, reply.Generation == p.Generation-1 && p.Answered == reply.fingerprint:", "	case same && p.Generation == 0:"},
	{"another call's bytes", "pkg/orchestrator/dispatch.go", "		if op.Resuming() != resume {\n", "		if op.Resuming() < 0 {\n"},
	{"the way back is lost with the news", "pkg/operation/pause.go", "		case \"\", ResumeCalling:\n			return\n", "		case ResumeAccepted:\n			return\n"},
	{"a refused answer is sent again at once", "pkg/operation/pause.go", "		op.hold(now, e.RetryAfter)\n", "		_ = e.RetryAfter\n"},
}
