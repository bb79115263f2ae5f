//go:build unix

package delivery_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
)

// engineTests are the tests that run the engine on a rig; TestEngineSuiteIsWhole
// fails if one is missing.
var engineTests = map[string]func(*testing.T){
	"TestScheduleOfPresetRelay":                TestScheduleOfPresetRelay,
	"TestNothingLaterThanMaxAge":               TestNothingLaterThanMaxAge,
	"TestHangingEndpointTimesOut":              TestHangingEndpointTimesOut,
	"TestRetryAfterIsHonoured":                 TestRetryAfterIsHonoured,
	"TestDeliverAt":                            TestDeliverAt,
	"TestDisabledAfterFiveDaysOfFailures":      TestDisabledAfterFiveDaysOfFailures,
	"TestOneSuccessStartsTheRuleAnew":          TestOneSuccessStartsTheRuleAnew,
	"TestDisableOn":                            TestDisableOn,
	"TestAbsentEndpointStopsAfterADay":         TestAbsentEndpointStopsAfterADay,
	"TestRequestIsWhatTheDocumentsSay":         TestRequestIsWhatTheDocumentsSay,
	"TestRotationWithOverlapAndAtOnce":         TestRotationWithOverlapAndAtOnce,
	"TestPauseQueuesNothingAndHoldsRetries":    TestPauseQueuesNothingAndHoldsRetries,
	"TestInterruptedAttemptsComeBackUncounted": TestInterruptedAttemptsComeBackUncounted,
	"TestRetryCancelResend":                    TestRetryCancelResend,
	"TestCancelWhileBeingSent":                 TestCancelWhileBeingSent,
	"TestRecoverAndReplayGoOnAfterARestart":    TestRecoverAndReplayGoOnAfterARestart,
	"TestDeletedWebhookIsOwedNothing":          TestDeletedWebhookIsOwedNothing,
	"TestTestIsLoggedAndCountsForNothing":      TestTestIsLoggedAndCountsForNothing,
	"TestDeliveriesList":                       TestDeliveriesList,
	"TestDeliveriesAreListedOnce":              TestDeliveriesAreListedOnce,
	"TestRetentionKeepsWhatIsOwed":             TestRetentionKeepsWhatIsOwed,
	"TestOneHangingEndpointOfManySlots":        TestOneHangingEndpointOfManySlots,
	"TestStoppedWhileWaiting":                  TestStoppedWhileWaiting,
	"TestFIFO":                                 TestFIFO,
	"TestRateLimit":                            TestRateLimit,
	"TestMaintenanceWindow":                    TestMaintenanceWindow,
	"TestOtherKeysDoNotWait":                   TestOtherKeysDoNotWait,
	"TestRampFindsTheCapacityOfAnEndpoint":     TestRampFindsTheCapacityOfAnEndpoint,
	"TestUnevenEndpointIsNotStarved":           TestUnevenEndpointIsNotStarved,
	"TestMaxConcurrency":                       TestMaxConcurrency,
	"TestOnlyRequestsCountForTheRate":          TestOnlyRequestsCountForTheRate,
	"TestJobIsCanceled":                        TestJobIsCanceled,
	"TestMaxAge":                               TestMaxAge,
	"TestFilter":                               TestFilter,
	"TestFormatsOnTheWire":                     TestFormatsOnTheWire,
	"TestWhatAnswersMean":                      TestWhatAnswersMean,
	"TestBatchFillsOrWaits":                    TestBatchFillsOrWaits,
	"TestBatchBounds":                          TestBatchBounds,
	"TestBatchIsRetriedWhole":                  TestBatchIsRetriedWhole,
	"TestBatchControls":                        TestBatchControls,
	"TestBatchPace":                            TestBatchPace,
	"TestBatchBacklog":                         TestBatchBacklog,
	"TestBatchWaitsLong":                       TestBatchWaitsLong,
	"TestBatchOfCloudEvents":                   TestBatchOfCloudEvents,
	"TestBatchTransform":                       TestBatchTransform,
	"TestBatchSurvivesRestarts":                TestBatchSurvivesRestarts,
	"TestTransformedRequests":                  TestTransformedRequests,
	"TestTransformDrops":                       TestTransformDrops,
	"TestTransformFails":                       TestTransformFails,
	"TestTransformResultsRefused":              TestTransformResultsRefused,
	"TestTransformsWait":                       TestTransformsWait,
	"TestTransformedRetriesAreTheSame":         TestTransformedRetriesAreTheSame,
	"TestTransformNoLongerCompiles":            TestTransformNoLongerCompiles,
	"TestAuthHeaders":                          TestAuthHeaders,
	"TestTokenIsShared":                        TestTokenIsShared,
	"TestRefusedToken":                         TestRefusedToken,
	"TestNoToken":                              TestNoToken,
	"TestChangeOfAuth":                         TestChangeOfAuth,
	"TestDeletedWhileWaiting":                  TestDeletedWhileWaiting,
	"TestRejected":                             TestRejected,
	"TestLag":                                  TestLag,
	"TestTransformCannotAuthenticate":          TestTransformCannotAuthenticate,
	"TestCertificateIsShown":                   TestCertificateIsShown,
	"TestCertificateHandshake":                 TestCertificateHandshake,
	"TestLogKeepsItsEvents":                    TestLogKeepsItsEvents,
	"TestEventIsGone":                          TestEventIsGone,
	"TestExplainSaysWhyItWaits":                TestExplainSaysWhyItWaits,
	"TestExplainRateLimit":                     TestExplainRateLimit,
	"TestStrayAnswers":                         TestStrayAnswers,
	"TestRateLimitOfRetries":                   TestRateLimitOfRetries,
	"TestExplainBeforeRouting":                 TestExplainBeforeRouting,
	"TestRefusedSignature":                     TestRefusedSignature,
	"TestCostlyFiltersDelayNobody":             TestCostlyFiltersDelayNobody,
	"TestCostlyFiltersTakeTurns":               TestCostlyFiltersTakeTurns,
	"TestCostlyFilterKeepsOrder":               TestCostlyFilterKeepsOrder,
	"TestUndecidedWaitInTheStore":              TestUndecidedWaitInTheStore,
	"TestUndecidedFollowTheWebhook":            TestUndecidedFollowTheWebhook,
	"TestPauseWhileFull":                       TestPauseWhileFull,
	"TestOverdue":                              TestOverdue,
	"TestRefusedURL":                           TestRefusedURL,
	"TestRetiredConnections":                   TestRetiredConnections,
	"TestDeletedWhileUnderWay":                 TestDeletedWhileUnderWay,
	"TestOwnShortageIsNotTheEndpoints":         TestOwnShortageIsNotTheEndpoints,
	"TestCutOffBodyIsDelivered":                TestCutOffBodyIsDelivered,
	"TestClockAsked":                           TestClockAsked,
	"TestClockSetForward":                      TestClockSetForward,
	"TestComposerSortsBatches":                 TestComposerSortsBatches,
	"TestWatch":                                TestWatch,
}

// lengthy are those that take many seconds on a database, because days full of
// deliveries pass in them: not for a short run.
var lengthy = []string{
	"TestDisabledAfterFiveDaysOfFailures", "TestRampFindsTheCapacityOfAnEndpoint", "TestOtherKeysDoNotWait",
	"TestRetentionKeepsWhatIsOwed", "TestOneSuccessStartsTheRuleAnew", "TestRecoverAndReplayGoOnAfterARestart",
	"TestLogKeepsItsEvents", "TestRejected", "TestRateLimit", "TestMaxAge", "TestBatchTransform", "TestMaintenanceWindow", "TestScheduleOfPresetRelay",
	"TestRetiredConnections", "TestStrayAnswers", "TestBacklogOfADeadEndpointDrainsWithARamp",
}

// stretched is how much less often the engine looks at the other nodes of a
// database, of which there are none here: days pass.
const stretched = 600

// TestEngineOnPostgres runs the tests of the engine, which have it on files, on PostgreSQL. The race detector looks at the
// engine on files and at several engines on a database; days full of deliveries on a database would take it minutes each.
func TestEngineOnPostgres(t *testing.T) {
	if testenv.Race {
		return // "make test" runs it without
	}
	pgtest.Shared(t) // not in a bubble, where nothing may outlive the test
	t.Cleanup(delivery.SetSharingPace(stretched))
	for _, name := range slices.Sorted(maps.Keys(engineTests)) {
		if !testing.Short() || !slices.Contains(lengthy, name) {
			t.Run(name, engineTests[name])
		}
	}
}

func init() {
	rigDatabase = func(t *testing.T) (func(context.Context, *slog.Logger) (rigStore, error), func()) {
		o := postgres.Options{URL: pgtest.Shared(t).Database(t)}
		plain := o.URL
		if time.Now().Year() == 2000 {
			// In a bubble of testing/synctest days pass, while no time passes for
			// the database: nothing needs to be renewed, but would be all the time.
			o.URL += "&pool_health_check_period=100000h&pool_max_conn_lifetime=100000h&pool_max_conn_idle_time=100000h"
			o.Lease = 100_000 * time.Hour
		}
		open := func(ctx context.Context, log *slog.Logger) (rigStore, error) {
			o := o
			o.Log = log
			return postgres.Open(ctx, o)
		}
		return open, func() {
			c, err := pgx.Connect(context.Background(), plain)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Exec(context.Background(), `DELETE FROM event`)
			if err = errors.Join(err, c.Close(context.Background())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Every test that uses a rig is one of engineTests.
func TestEngineSuiteIsWhole(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(fn.Name.Name, "Test") {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "newRig" {
						found[fn.Name.Name] = true
					}
				}
				return true
			})
		}
	}
	for name := range found {
		if engineTests[name] == nil {
			t.Errorf("%s uses the engine on SQLite alone: add it to engineTests", name)
		}
	}
	for name := range engineTests {
		if !found[name] {
			t.Errorf("%s is in engineTests and uses no rig", name)
		}
	}
}
