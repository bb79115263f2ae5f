package journey

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
)

// ErrChanged is returned for a change of enrolments that are no longer as they were read.
var ErrChanged = errors.New("journey: changed since it was read")

// Change is what one transaction changes, all of one tenant.
type Change struct {
	Tenant event.TenantID
	// Enter are new enrolments. One whose Entry the journey has already, or whose Key has a run inside, is left out.
	Enter []*Enrolment
	// Put are enrolments that must have their Rev in the store. The sends of those that have exited are canceled, but those
	// whose request is under way.
	Put []*Enrolment
	// Sends are new ones; one that is there stays as it is.
	Sends  []*Send
	Traces []StepTrace
	// Crossings are removed: they must be there.
	Crossings []audience.Crossing
	Entries   []*access.Entry
}

// StepTrace is a trace of an enrolment; N tells its traces apart and rises.
type StepTrace struct {
	Enrolment, Profile string
	N                  int
	Trace
}

func (c *Change) empty() bool {
	return len(c.Enter)+len(c.Put)+len(c.Sends)+len(c.Traces)+len(c.Crossings)+len(c.Entries) == 0
}

// Query selects enrolments of a journey, the newest first. Zero fields select everything.
type Query struct {
	Tenant  event.TenantID
	Journey int64
	State   State
	Step    string
	Version int
	Profile string
	Before  string // an id; empty: from the newest
	Limit   int
}

// Place counts the profiles inside a journey that stand in one step of one version.
type Place struct {
	Version int
	Step    string
	State   State
	Count   int64
}

// Store keeps enrolments. Its methods are safe for concurrent use.
type Store interface {
	// JourneyLook returns the profiles that are there, and the audiences they are in. Ids are told once each.
	JourneyLook(ctx context.Context, tenant event.TenantID, ids []string) ([]audience.Profile, []audience.Member, error)
	// JourneyChange does all of a change or nothing, durably. It raises the Revs, and sets that of those that entered to 1.
	JourneyChange(ctx context.Context, c *Change) error
	// JourneyClaim returns enrolments that are due and not held, of all tenants, the earliest first, and keeps others from
	// claiming them until the lease ends. A change of one ends its claim.
	JourneyClaim(ctx context.Context, now, lease time.Time, limit int) ([]Enrolment, error)
	// JourneyRelease ends all claims, for a server that is alone.
	JourneyRelease(ctx context.Context) error
	// JourneyNext returns when the earliest enrolment is due that is not claimed now; zero: none is.
	JourneyNext(ctx context.Context, now time.Time) (time.Time, error)
	// JourneyHeld returns up to limit enrolments that are held, of all tenants, one of each journey.
	JourneyHeld(ctx context.Context, limit int) ([]Enrolment, error)
	// JourneyResume ends the holding of up to limit enrolments of a journey, and returns of how many.
	JourneyResume(ctx context.Context, tenant event.TenantID, journey int64, limit int) (int64, error)
	EnrolmentGet(ctx context.Context, tenant event.TenantID, id string) (Enrolment, bool, error)
	EnrolmentList(ctx context.Context, q Query) ([]Enrolment, error)
	// EnrolmentsOf returns those inside of profiles, whatever their journey.
	EnrolmentsOf(ctx context.Context, tenant event.TenantID, profiles []string) ([]Enrolment, error)
	// EnrolmentLast returns when a profile last entered a journey by a key, whether it is still inside, and how many runs of it
	// are inside by any key.
	EnrolmentLast(ctx context.Context, tenant event.TenantID, journey int64, profile, key string) (last time.Time, inside bool, runs int64, err error)
	// EnrolmentPlaces counts the profiles inside.
	EnrolmentPlaces(ctx context.Context, tenant event.TenantID, journey int64) ([]Place, error)
	// EnrolmentEnded counts those that have ended, by their state.
	EnrolmentEnded(ctx context.Context, tenant event.TenantID, journey int64) (map[State]int64, error)
	TraceList(ctx context.Context, tenant event.TenantID, enrolment string) ([]Trace, error)
	SendList(ctx context.Context, tenant event.TenantID, enrolment string) ([]Send, error)
	SendGet(ctx context.Context, tenant event.TenantID, ids []string) ([]Send, error)
	// SendCount counts the sends of a journey to a profile since a time, without those that were not made.
	SendCount(ctx context.Context, tenant event.TenantID, journey int64, profile string, since time.Time) (int64, error)
	// SendNewList returns sends that were not handed to the engine, of all tenants, made before a time.
	SendNewList(ctx context.Context, before time.Time, limit int) ([]Send, error)
	// SendHanded notes that sends were handed to the engine, each by its event.
	SendHanded(ctx context.Context, tenant event.TenantID, ids []string, events []event.ID) error
	// SendBegin notes that requests begin, and returns the ids of the sends that may be made. Those that have ended may not.
	SendBegin(ctx context.Context, tenant event.TenantID, ids []string) ([]string, error)
	// SendEnd notes how sends have ended, unless they had before, and has the enrolments go on that wait for them.
	SendEnd(ctx context.Context, tenant event.TenantID, ended []Send, now time.Time) error
	// CrossingList returns the oldest crossings of audiences, of all tenants.
	CrossingList(ctx context.Context, limit int) ([]audience.Crossing, error)
	// JourneyDelete removes up to limit enrolments of a journey, with what is theirs, and returns how many.
	JourneyDelete(ctx context.Context, tenant event.TenantID, journey int64, limit int) (int64, error)
	// JourneyExpire removes traces and sends from before the time of enrolments that have ended, and those that were to be kept
	// until before it.
	JourneyExpire(ctx context.Context, before time.Time) error
}
