package keyring_test

import (
	"testing"

	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/store/storetest"
)

// What newer code has stored of a sender's keys stays when this code stores them anew.
func TestUnknownMembersOfAKeyringSurvive(t *testing.T) {
	t.Parallel()
	storetest.UnknownMembersSurvive(t, keyring.EncodeState, keyring.DecodeState)
}
