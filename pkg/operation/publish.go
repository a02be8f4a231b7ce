package operation

import "time"

// publishLease is how long a run may take to publish an end: the settle function's timeout and a
// margin.
const publishLease = 15 * time.Second

// Publication is who publishes the end, or has (contract H7): claimed by a write before anything is
// published, over when PublishedAt is set.
type Publication struct {
	// Owner is the run that holds the publication. Nobody else may publish before the lease is over.
	Owner string `json:"owner,omitempty"`
	// Fence counts the owners: an overtaken owner can't acknowledge its publication.
	Fence      int       `json:"fence,omitempty"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	Unknown    string    `json:"-" document:"unknown"`
}

// ClaimPublication makes owner the one that publishes the end. ok is false if there is nothing to
// publish, or if another owner holds the lease: until it is over nobody knows what was published,
// and the next owner publishes again under the same id.
func (op *Operation) ClaimPublication(now time.Time, owner string) (ok bool) {
	p := op.Publication
	if !op.Unpublished() || p.Owner != "" && p.Owner != owner && now.Before(p.LeaseUntil) {
		return false
	}
	p.Owner, p.Fence, p.LeaseUntil = owner, p.Fence+1, now.Add(publishLease)
	op.Publication = p
	op.Version++
	return true
}

// TellEnd returns an event that tells consumers of the end, for an operation that older code has
// ended. It belongs to a change that is made after ClaimPublication. ok is false for any other
// operation.
func (op *Operation) TellEnd() (e Event, ok bool) {
	if op.EndTold || op.Terminal == nil {
		return Event{}, false
	}
	op.EndTold = true
	from := CallingAdCP
	if op.TaskID != "" {
		from = Submitted
	}
	return op.event(EventChanged, op.Terminal.Channel, from, op.Terminal.At, "told now: an older release stored it"), true
}

// Unpublished reports whether the operation has ended and, as far as is stored, nothing was
// published.
func (op *Operation) Unpublished() bool { return op.State.Terminal() && op.PublishedAt.IsZero() }

// FinishPublication records that the end was published. ok is false if it is recorded already, or
// if the fence is not the present owner's: then that owner records it.
func (op *Operation) FinishPublication(now time.Time, fence int) (e Event, ok bool) {
	if !op.Unpublished() || op.Publication.Fence != fence {
		return Event{}, false
	}
	op.PublishedAt = now
	if op.DueAt = (time.Time{}); op.CancelDue() {
		op.dueSoon(now)
	}
	op.TaskToken = ""
	op.BumpVersion(now)
	return op.event(EventPublished, ByOrchestrator, op.State, now, ""), true
}
