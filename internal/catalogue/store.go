package catalogue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Kind is the kind of a Record.
type Kind string

// The kinds. A record's body is the JSON of the type named here; stores do not read it.
const (
	KindType     Kind = "type"     // one version of a tenant's type: Type
	KindSettings Kind = "settings" // the tenant's settings for a type, or for AllTypes: Settings
	KindRule     Kind = "rule"     // a tenant's own rule: Rule
	KindSwitch   Kind = "switch"   // a disabled rule, shipped or own: {}
)

// Record is a tenant's addition or change to the catalogue, as stored.
type Record struct {
	Tenant  event.TenantID
	Kind    Kind
	Name    string // name of the type or rule
	Version string // of a type; empty for other kinds
	Body    json.RawMessage
	// CreatedAt and UpdatedAt are in UTC, to the millisecond.
	CreatedAt, UpdatedAt time.Time
}

// RecordKey identifies a record of a tenant.
type RecordKey struct {
	Kind    Kind
	Name    string
	Version string // in removals, empty means all versions
}

func (r *Record) key() RecordKey { return RecordKey{r.Kind, r.Name, r.Version} }

// RecordChange is a change of a tenant's records, all or nothing.
type RecordChange struct {
	Tenant event.TenantID
	// Put are the records to store. A record whose key exists replaces Body and UpdatedAt;
	// CreatedAt and the position in CatalogueList stay.
	Put []Record
	// Remove are the records to remove, if they exist.
	Remove []RecordKey
	// Audit is the audit entry of the change, nil for none.
	Audit *access.Entry
}

// Store stores the additions of tenants to the catalogue. A change is durable on return. All
// methods are safe for concurrent use. There are at most a few thousand records per tenant, and
// they are read once, at start.
type Store interface {
	// CatalogueList returns every record of every tenant, oldest first.
	CatalogueList(ctx context.Context) ([]Record, error)
	// CatalogueChange stores and removes records in one transaction, together with the audit entry.
	CatalogueChange(ctx context.Context, c RecordChange) error
}

// AllTypes is the name of the settings for all types without settings of their own. With Strict
// there, types outside the catalogue are also rejected.
const AllTypes = "*"

// Settings says how a tenant treats a type.
type Settings struct {
	Validation Mode `json:"validation,omitempty"` // empty means as for AllTypes, and there Warn
	Deprecated bool `json:"deprecated,omitempty"`
	Archived   bool `json:"archived,omitempty"`
}

func (s *Settings) check() error {
	if s.Validation != "" && !KnownMode(s.Validation) {
		return problem.InvalidField("validation", "must be %q, %q or %q, got %q", Off, Warn, Strict, problem.Clip(string(s.Validation)))
	}
	return nil
}
