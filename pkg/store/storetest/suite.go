package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// Start is the time of the suite's clock, unless a test moves it.
var Start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TenantPrefix begins the name of every tenant that the suite writes for.
const TenantPrefix = "suite-"

// Open returns a store whose clock is now. Stores may share a table, because the suite's tests have
// different tenants, and the table may hold whatever others have; but not if it is to be empty.
type Open func(t *testing.T, now func() time.Time, empty bool) Table

// needEmpty are the tests of what is due in a whole table, whosever it is.
var needEmpty = []string{"LongestDueComesFirst", "EveryTenantGetsItsShareOfDue", "EveryTenantsNoticesAreSeen",
	"LinesAreListed", "GatesMeanTheSame"}

// everything is more than a table has while the suite runs. What belongs to others is left out
// after the read: a limit would leave out what the test looks for.
const everything = 1 << 20

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *suite){
		"ReadsWhatWasCreated":             readsWhatWasCreated,
		"UnknownIsNotFound":               unknownIsNotFound,
		"TenantsAreSeparate":              tenantsAreSeparate,
		"OneOperationPerKey":              oneOperationPerKey,
		"NaturalKeyFindsItsHolder":        naturalKeyFindsItsHolder,
		"NaturalKeyIsTakenOver":           naturalKeyIsTakenOver,
		"NaturalKeyKeepsItsFingerprint":   naturalKeyKeepsItsFingerprint,
		"NaturalKeyIsFreedWithTheChange":  naturalKeyIsFreedWithTheChange,
		"OnlyTheHolderFreesANaturalKey":   onlyTheHolderFreesANaturalKey,
		"BothNaturalKeysAreTakenOrNone":   bothNaturalKeysAreTakenOrNone,
		"BothNaturalKeysAreFreed":         bothNaturalKeysAreFreedWithTheChange,
		"BothNaturalKeysExpire":           bothNaturalKeysExpire,
		"BindChecksTheHolder":             bindChecksTheHolder,
		"CommitIsConditionalOnTheVersion": commitIsConditional,
		"CommitIsAllOrNothing":            commitIsAllOrNothing,
		"OneWriterPerVersion":             oneWriterPerVersion,
		"HistoriesAreLinearizable":        historiesAreLinearizable,
		"TaskBelongsToOneOperation":       taskBelongsToOneOperation,
		"SellerIsKnownByItsURL":           sellerIsKnownByItsURL,
		"EndIsKeptWhole":                  endIsKeptWhole,
		"DeliveryIsTakenOnce":             deliveryIsTakenOnce,
		"DeliveryExpires":                 deliveryExpires,
		"InputsAreStoredByGeneration":     inputsAreStoredByGeneration,
		"LargeBodiesSurvive":              largeBodiesSurvive,
		"ExpiredIsGoneAsAWhole":           expiredIsGoneAsAWhole,
		"HalfDeletedIsGoneAsAWhole":       halfDeletedIsGoneAsAWhole,
		"EverythingOfAnOperationExpires":  everythingOfAnOperationExpires,
		"KeysOutliveTheirOperation":       keysOutliveTheirOperation,
		"LateKeysExpireToo":               lateKeysExpireToo,
		"ExpiryIsTakenBack":               expiryIsTakenBack,
		"TaskIDsExpire":                   taskIDsExpire,
		"OperationsWithManyItemsExpire":   operationsWithManyItemsExpire,
		"DueIsSparse":                     dueIsSparse,
		"LongestDueComesFirst":            longestDueComesFirst,
		"EveryTenantGetsItsShareOfDue":    everyTenantGetsItsShareOfDue,
		"EveryTenantsNoticesAreSeen":      everyTenantsNoticesAreSeen,
		"DueMovesAlone":                   dueMovesAlone,
		"DueStaysIfOnlyALittleLater":      dueStaysIfItIsOnlyALittleLater,
		"FailedLooksArePutOff":            failedLooksArePutOff,
		"StartsAreQueuedInOrder":          startsAreQueuedInOrder,
		"QueuedStartsLeaveTheQueue":       queuedStartsLeaveTheQueue,
		"LeaseHasOneOwner":                leaseHasOneOwner,
		"NewDocumentsSurviveOldCode":      newDocumentsSurviveOldCode,
		"NewAttributesSurviveOldCode":     newAttributesSurviveOldCode,
		"NewerSchemaIsNotWrittenOver":     newerSchemaIsNotWrittenOver,
		"ItemsHaveALimit":                 itemsHaveALimit,
		"TransactionsHaveALimitOfItems":   transactionsHaveALimitOfItems,
		"TransactionsHaveALimitOfBytes":   transactionsHaveALimitOfBytes,
		"DocumentsHaveALimit":             documentsHaveALimit,
		"KeysHaveALimit":                  keysHaveALimit,
		"AgentsAreVersioned":              agentsAreVersioned,
		"ProfilesSurvive":                 profilesSurvive,
		"APIKeysSurvive":                  apiKeysSurvive,
		"APIKeysChangeAsAWhole":           apiKeysChangeAsAWhole,
		"APIKeysAreListed":                apiKeysAreListed,
		"UseOfAPIKeysIsNoted":             useOfAPIKeysIsNoted,
		"KeyRequestsExpire":               keyRequestsExpire,
		"AuditLogIsListed":                auditLogIsListed,
		"AuditEventsStay":                 auditEventsStay,
		"ProfilesOfEndpointsAreSeparate":  profilesOfEndpointsAreSeparate,
		"ProfileExpires":                  profileExpires,
		"DeliveryContextIsComplete":       deliveryContextIsComplete,
		"NonceIsClaimedOnce":              nonceIsClaimedOnce,
		"NonceBelongsToKeyAndSender":      nonceBelongsToKeyAndSender,
		"NonceExpires":                    nonceExpires,
		"NoncesHaveLimitedRoom":           noncesHaveLimitedRoom,
		"RefusedNoncesTakeNoRoom":         refusedNoncesTakeNoRoom,
		"KeyringsAreVersioned":            keyringsAreVersioned,
		"CircuitsAreVersioned":            circuitsAreVersioned,
		"GatesMeanTheSame":                gatesMeanTheSame,
		"LeasesHaveALimit":                leasesHaveALimit,
		"SlotsAreGivenOnce":               slotsAreGivenOnce,
		"ExpiredLeasesStay":               expiredLeasesStay,
		"LineIsInOrderOfAge":              lineIsInOrderOfAge,
		"OneOfThoseWhoJoinIsFirst":        oneOfThoseWhoJoinIsFirst,
		"AWaiterIsClaimedByOne":           aWaiterIsClaimedByOne,
		"LinesAreListed":                  linesAreListed,
		"CircuitAndGateAreSeparate":       circuitAndGateAreSeparate,
		"QuarantineCountsRepetitions":     quarantineCountsRepetitions,
		"QuarantineCountsConcurrently":    quarantineCountsConcurrently,
		"QuarantineHasLimitedRoom":        quarantineHasLimitedRoom,
		"QuarantineIsPaged":               quarantineIsPaged,
		"QuarantineExpires":               quarantineExpires,
		"QuarantineKeepsBodies":           quarantineKeepsBodies,
		"QuarantinedAreHandled":           quarantinedAreHandled,
		"AReplayTakesAConflictsKey":       aReplayTakesAConflictsKey,
		"TokensComeAtTheirRate":           tokensComeAtTheirRate,
		"WrongGuessesAreHarmless":         wrongGuessesOfABucketAreHarmless,
		"BucketsAreSeparate":              bucketsAreSeparate,
		"TokensAreGivenOnce":              tokensAreGivenOnce,
		"OpenOperationsAreLimited":        openOperationsAreLimited,
		"OpenOperationsAreCounted":        openOperationsAreCountedByTenant,
		"AgentsHaveLimitedRoom":           agentsHaveLimitedRoom,
		"ListsShowWhatFits":               listsShowWhatFits,
		"ListsFollowChanges":              listsFollowChanges,
		"ListsFindIdempotencyKeys":        listsFindIdempotencyKeys,
		"ListsLeaveOutTheExpired":         listsLeaveOutTheExpired,
		"OperationsAreCountedByState":     operationsAreCountedByState,
		"EventsAreReadInPages":            eventsAreReadInPages,
		"NoticesAreCountedOnce":           noticesAreCountedOnce,
		"OpenAreCountedByType":            openOperationsAreCountedByType,
		"RestsAreCountedOnce":             restsAreCountedOnce,
		"RestsAndNoticesInAnyOrder":       restsAndNoticesAreCountedInAnyOrder,
		"CountingKeepsTheExpiry":          countingKeepsTheExpiry,
		"NoticesWaitInOrder":              noticesWaitInOrder,
		"WaitingNoticesAreListed":         waitingNoticesAreListed,
		"OneAcknowledgesANotice":          oneAcknowledgesANotice,
		"FeedsAreDense":                   feedsAreDense,
		"OtherNoticesAreStored":           otherNoticesAreStoredWithTheirCause,
		"NoticesExpireWithTheirOperation": noticesExpireWithTheirOperation,
		"AgentsAreListed":                 agentsAreListed,
		"BusyAgentsAreNotDeleted":         busyAgentsAreNotDeleted,
		"NoOperationIsOrphaned":           noOperationIsOrphaned,
		"BrakesAreKept":                   brakesAreKept,
		"AttentionIsCountedByTenant":      attentionIsCountedByTenant,
		"EndpointsAreVersioned":           endpointsAreVersioned,
		"EndpointIsMadeOncePerKey":        endpointIsMadeOncePerKey,
		"EndpointsHaveLimitedRoom":        endpointsHaveLimitedRoom,
		"HealthIsKeptApart":               healthIsKeptApart,
		"ProbesAreClaimedByOne":           probesAreClaimedByOne,
		"WebhookDeliveriesAreVersioned":   deliveriesAreVersioned,
		"WebhookDeliveriesAreListed":      deliveriesAreListedNewestFirst,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &suite{tenant: fmt.Sprintf("%s%x", TenantPrefix, tenants.Add(1))}
			s.at.Store(Start.UnixNano())
			now := func() time.Time { return time.Unix(0, s.at.Load()).UTC() }
			s.Table = open(t, now, slices.Contains(needEmpty, name))
			test(t, s)
		})
	}
}

var tenants atomic.Int64

// suite is a store with the tenant and the clock of one test.
type suite struct {
	Table
	tenant string
	at     atomic.Int64 // the clock, in Unix nanoseconds
}

// background is for goroutines, which may outlive the test's own context.
var background = context.Background()

func (s *suite) newOperation(id, key, natural string) orchestrator.NewOperation {
	op := operation.Operation{
		Tenant:      s.tenant,
		ID:          id,
		Type:        adcp.CreateMediaBuy,
		AgentID:     "seller",
		State:       operation.Requested,
		Version:     1,
		Generation:  1,
		Webhook:     operation.WebhookConfig{Mode: operation.WebhookNone},
		Deadline:    Start.Add(time.Hour),
		FollowUntil: Start.Add(2 * time.Hour),
		DueAt:       Start.Add(time.Minute),
		CreatedAt:   Start,
		UpdatedAt:   Start,
		NaturalKey:  natural,
	}
	return orchestrator.NewOperation{
		Op:          op,
		Event:       operation.Event{Seq: 1, At: Start, Kind: operation.EventCreated, Channel: operation.ByAPI},
		Request:     json.RawMessage(`{"id":"` + id + `"}`),
		KeyHash:     key,
		Fingerprint: "f-" + key,
		// Each operation wants something else.
		NaturalFingerprint: "wants-" + id,
	}
}

func (s *suite) create(t *testing.T, id string) operation.Operation {
	t.Helper()
	c := s.newOperation(id, "key-"+id, "")
	must(t, s.Create(t.Context(), c))
	return c.Op
}

// next is a change that makes op working.
func next(op operation.Operation) operation.Change {
	from := op.State
	op.Version++
	op.State = operation.Working
	return operation.Change{Op: op, Events: []operation.Event{
		{Seq: op.Version, At: Start, Kind: operation.EventChanged, From: from, To: op.State},
	}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got error %v, want %v", err, target)
	}
}

// race runs f n times concurrently and returns how often it succeeded. All other results have to be
// allowed errors.
func race(t *testing.T, n int, f func(i int) error, allowed func(error) bool) int {
	t.Helper()
	var wg sync.WaitGroup
	var succeeded atomic.Int64
	for i := range n {
		wg.Go(func() {
			switch err := f(i); {
			case err == nil:
				succeeded.Add(1)
			case !allowed(err):
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	return int(succeeded.Load())
}

// The errors that race allows.
func noError(error) bool        { return false }
func isStale(err error) bool    { return errors.Is(err, store.ErrStale) }
func isKeyTaken(err error) bool { return errors.Is(err, store.ErrKeyTaken) }
func isSeen(err error) bool     { return errors.Is(err, store.ErrNonceSeen) }
func isFull(err error) bool     { return errors.Is(err, store.ErrFull) }

func isNaturalKeyTaken(err error) bool { return errors.As(err, new(*store.NaturalKeyTakenError)) }
func isDeliveryTaken(err error) bool   { return errors.As(err, new(*store.DeliveryTakenError)) }
