// Package storetest is the behaviour every store must show, one suite for all
// of them. A new operation of the storage contracts starts here.
package storetest

import (
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

// Backend is a store under test: all storage contracts, on data of its own.
type Backend interface {
	ingest.Store
	delivery.Store
	webhook.Store
	account.RateStore
	account.Store
	account.TenantStore
	account.Eraser
	account.Expirer
	catalogue.Store
	access.AuditStore
	account.AnswerStore
	gate.Store
	audience.Store
	journey.Store
	logview.Store
	registry.RecordStore
	user.Store
	portal.Store
	tally.Store
	// Reopen closes the store and opens it again on the same data, for all who
	// hold this Backend; it returns itself. It ends the test when that fails.
	Reopen(t *testing.T) Backend
}

// Open returns a fresh, empty store that is closed when the test ends. It is
// also called inside testing/synctest, where days pass.
type Open func(t *testing.T) Backend

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Run("Events", func(t *testing.T) { testEvents(t, open) })
	t.Run("Config", func(t *testing.T) { testConfig(t, open) })
	t.Run("Users", func(t *testing.T) { testUsers(t, open) })
	t.Run("Journeys", func(t *testing.T) { testJourneys(t, open) })
	t.Run("Gate", func(t *testing.T) { testGate(t, open) })
	t.Run("Audiences", func(t *testing.T) { testAudiences(t, open) })
	t.Run("Owed", func(t *testing.T) { testOwed(t, open) })
	t.Run("Log", func(t *testing.T) { testLog(t, open) })
}
