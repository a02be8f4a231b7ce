package operation

import "time"

// publishFor is how long whoever tells the world of an end may take: the settle function's own time-out and some.
const publishLease = 15 * time.Second

// Publication is who tells the world of the end, or has (contract H7): claimed by a write before anything is told, over when the operation is settled.
type Publication struct {
	// Owner is the run that holds the publication; nobody else may tell before the lease is over.
	Owner string `json:"owner,omitempty"`
	// Fence counts the owners: one that was overtaken can't acknowledge what it told.
	Fence      int       `json:"fence,omitempty"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
}

// ClaimPublication makes owner the one that tells of the end. ok is false if there is nothing to tell, or somebody else still holds it: until then it is not
// known what has been told, and the next owner tells it again under the same identity.
func (op *Operation) ClaimPublication(now time.Time, owner string) (ok bool) {
	if !op.Unpublished() || op.Publication.Owner != "" && op.Publication.Owner != owner && now.Before(op.Publication.LeaseUntil) {
		return false
	}
	op.Publication = Publication{Owner: owner, Fence: op.Publication.Fence + 1, LeaseUntil: now.Add(publishLease)}
	op.Version++
	return true
}

// Unpublished reports whether the end is known and the world has not been told of it, as far as is stored.
func (op *Operation) Unpublished() bool { return op.State.Terminal() && op.PublishedAt.IsZero() }

// Finish records that everything that had to happen once after the end has happened. ok is false if it is recorded already, or if whoever asks does not own
// the publication any more: then another owner records it.
func (op *Operation) FinishPublication(now time.Time, fence int) (e Event, ok bool) {
	if !op.Unpublished() || op.Publication.Fence != fence {
		return Event{}, false
	}
	op.PublishedAt = now
	op.DueAt = time.Time{}
	op.TaskToken = ""
	op.BumpVersion(now)
	return op.event(EventPublished, ByOrchestrator, op.State, now, ""), true
}
