package keyring

// The events that Source.Count receives.
const (
	eventRefreshed        = "refreshed"
	eventRefreshFailed    = "refresh_failed"
	eventKeyAdmitted      = "key_admitted"
	eventKeyPressure      = "key_pressure"
	eventKeyRevoked       = "key_revoked"
	eventJWKSURIChanged   = "jwks_uri_changed"
	eventPinned           = "pinned"
	eventRevocationNone   = "revocation_none"
	eventRevocationFailed = "revocation_failed"
	eventRevocationStale  = "revocation_stale"
	eventTuningOverdue    = "threshold_tuning_overdue"
)

// AlarmEvents lists the events of Source.Count that a person must look at. The stack makes one
// alarm of them.
var AlarmEvents = []string{eventJWKSURIChanged, eventKeyPressure, eventKeyRevoked, eventRevocationStale}

func (s *Source) count(event string) {
	if s.Count != nil {
		s.Count(event)
	}
}
