package catalogue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Kind says what a Record holds.
type Kind string

// The kinds. A record's body is the JSON of the type named here; storage does not look into it.
const (
	KindType     Kind = "type"     // one version of a tenant's type: Type
	KindSettings Kind = "settings" // how the tenant treats a type, or AllTypes: Settings
	KindRule     Kind = "rule"     // a tenant's own rule: Rule
	KindSwitch   Kind = "switch"   // a rule, shipped or own, that is switched off: {}
)

// Record is a thing that a tenant has added to the catalogue or changed in it, as stored.
type Record struct {
	Tenant  event.TenantID
	Kind    Kind
	Name    string // of the type, or of the rule
	Version string // of a type; empty for other kinds
	Body    json.RawMessage
	// CreatedAt and UpdatedAt are in UTC, to the millisecond.
	CreatedAt, UpdatedAt time.Time
}

// RecordKey names a record of a tenant.
type RecordKey struct {
	Kind    Kind
	Name    string
	Version string // to remove: empty for all versions
}

func (r *Record) key() RecordKey { return RecordKey{r.Kind, r.Name, r.Version} }

// RecordChange is a change of a tenant's records, made all or not at all.
type RecordChange struct {
	Tenant event.TenantID
	// Put are stored. A record with the same key as one that is there replaces its Body and UpdatedAt; CreatedAt and the
	// place in CatalogueList stay.
	Put []Record
	// Remove are removed, as far as they are there.
	Remove []RecordKey
	// Audit is the entry of the change; nil: there is none.
	Audit *access.Entry
}

// Store keeps what tenants add to the catalogue. A change is durable when the call returns. All methods are safe for
// concurrent use. There are at most some thousand records per tenant, and they are read once, at the start.
type Store interface {
	// CatalogueList returns every record of every tenant, the first created first.
	CatalogueList(ctx context.Context) ([]Record, error)
	// CatalogueChange stores and removes records in one transaction, and the entry with it.
	CatalogueChange(ctx context.Context, c RecordChange) error
}

// AllTypes is the name of the settings that hold for every type without settings of its own. Strict there also refuses
// types that are not in the catalogue.
const AllTypes = "*"

// Settings is how a tenant treats a type.
type Settings struct {
	Validation Mode `json:"validation,omitempty"` // empty: as for AllTypes, there: Warn
	Deprecated bool `json:"deprecated,omitempty"`
	Archived   bool `json:"archived,omitempty"`
}

func (s *Settings) check() error {
	if s.Validation != "" && !KnownMode(s.Validation) {
		return problem.InvalidField("validation", "must be %q, %q or %q, got %q", Off, Warn, Strict, clip(string(s.Validation)))
	}
	return nil
}
