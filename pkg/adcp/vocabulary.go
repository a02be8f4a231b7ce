package adcp

import "strings"

// codeRecovery is an error code of the manifests with its recovery. The table of all of them is
// generated: see infra/dev/protocol.
type codeRecovery struct {
	code     string
	recovery Recovery
}

// reactionsTo is what we conclude from a code of AdCP's vocabulary and do about it. Nearly every
// code is a refusal: the agent has looked at the request and does not carry it out. A person has to
// change the request, or the account. What is transient may have been carried out.
func reactionsTo(code string, r Recovery) CodePolicy {
	switch code {
	case "RATE_LIMITED":
		return CodePolicy{r, NotDone, Resend}
	case "CAMPAIGN_SUSPENDED": // contract D22
		return CodePolicy{r, NotDone, AskPerson}
	case "CONFLICT":
		return CodePolicy{r, MaybeDone, Rebuild}
	case "AUTH_MISSING", "AUTH_REQUIRED", "AUTH_INVALID":
		return CodePolicy{r, NotDone, RenewCredential}
	case "IDEMPOTENCY_IN_FLIGHT", "IDEMPOTENCY_CONFLICT", "IDEMPOTENCY_EXPIRED":
		return CodePolicy{r, MaybeDone, AskByKey}
	case "COMMITTED_RESOURCE_PURGED":
		return CodePolicy{r, Done, LookUp}
	case "FORMAT_NOT_SUPPORTED":
		return CodePolicy{r, NotDone, End}
	}
	if r == Transient || advisory(code) {
		return CodePolicy{r, MaybeDone, Resend}
	}
	return CodePolicy{r, NotDone, End}
}

// advisory reports whether a code goes with an answer that stands, or is about its signature: alone
// it proves nothing.
func advisory(code string) bool {
	for _, p := range [...]string{"FORMAT_", "PIXEL_TRACKER_", "SIGNED_RESPONSE_"} {
		if strings.HasPrefix(code, p) {
			return true
		}
	}
	return false
}
