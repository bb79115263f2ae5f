package account

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Tenant is an isolated account: nothing of one is ever visible to another.
type Tenant struct {
	ID        event.TenantID
	Name      string // the public id: "default"
	Settings  TenantSettings
	Life      TenantLife
	CreatedAt time.Time
	UpdatedAt time.Time // UTC; zero: it was never changed
	Version   int64     // rises with each change
}

// TenantSettings is what the operator chooses of a tenant. Stored as JSON.
type TenantSettings struct {
	// Title is what people call the tenant; empty: as its public id.
	Title string `json:"title,omitempty"`
	// Plan is the name of the tenant's plan; empty: DefaultPlan.
	Plan string `json:"plan,omitempty"`
	// Limits hold instead of those of the plan.
	Limits Limits `json:"limits,omitempty"`
	// RevealSecrets lets admins of the tenant see the signing secrets of its webhooks again.
	RevealSecrets bool `json:"revealSecrets,omitempty"`
}

// TenantState says what may be done in a tenant.
type TenantState string

// The states. The first three are left by a call; the last two follow from time.
const (
	TenantActive    TenantState = "active"
	TenantSuspended TenantState = "suspended" // events are refused, deliveries held; it may be looked at
	TenantDeleted   TenantState = "deleted"   // as suspended, for nobody but the operator; may be restored until EraseAt
	TenantErasing   TenantState = "erasing"   // its data are being removed; it is answered like a missing one
	TenantErased    TenantState = "erased"    // only its number is left, which is never given again
)

// TenantLife is the state of a tenant and how it got there. Stored as JSON; the zero value is an active tenant.
type TenantLife struct {
	Is TenantState `json:"state,omitempty"` // empty: active; see State
	// Since is when the state began; zero for a tenant that was never anything but active.
	Since time.Time `json:"since,omitzero"`
	// EraseAt is when the data of a deleted tenant are removed.
	EraseAt time.Time `json:"eraseAt,omitzero"`
	// Before is the state that a deleted tenant is restored to.
	Before TenantState `json:"before,omitempty"`
	// Holds are the times in which deliveries were held, the last one without an end while they are. They do not count as
	// age of a delivery.
	Holds []Hold `json:"holds,omitempty"`
}

// Hold is a span of time in which the deliveries of a tenant were held; To is zero until it has ended.
type Hold struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

// State returns the state of the tenant.
func (t *Tenant) State() TenantState {
	if t.Life.Is == "" {
		return TenantActive
	}
	return t.Life.Is
}

// Title returns what people call the tenant.
func (t *Tenant) Title() string {
	if t.Settings.Title == "" {
		return t.Name
	}
	return t.Settings.Title
}

const (
	// TenantGrace is how long a deleted tenant can be restored.
	TenantGrace = 7 * 24 * time.Hour
	// maxHolds bounds TenantLife.Holds; older ones are forgotten. What is owed is rarely older than a day.
	maxHolds = 20

	maxTenantName  = 64  // characters of a public id
	maxTenantTitle = 100 // characters
)

// enter puts the tenant into a state.
func (t *Tenant) enter(s TenantState, at time.Time) {
	l := &t.Life
	holds := s != TenantActive
	if n := len(l.Holds); holds && (n == 0 || !l.Holds[n-1].To.IsZero()) {
		// A copy: what was published is never changed.
		l.Holds = append(append([]Hold(nil), l.Holds[max(0, n+1-maxHolds):]...), Hold{From: at})
	} else if !holds && n > 0 && l.Holds[n-1].To.IsZero() {
		l.Holds = append([]Hold(nil), l.Holds...)
		l.Holds[n-1].To = at
	}
	l.Is, l.Since, l.EraseAt, l.Before = s, at, time.Time{}, ""
}

// checkTenantName returns what is wrong with a public id, "" for a good one.
func checkTenantName(name string) string {
	if name == "" || len(name) > maxTenantName {
		return fmt.Sprintf("must have 1 to %d characters", maxTenantName)
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return "must consist of the letters a to z, digits, -, _ and ., and begin with a letter or digit"
		}
	}
	return ""
}

// CheckTenantName returns a problem for a text that cannot be the public id of a tenant.
func CheckTenantName(name string) error {
	if wrong := checkTenantName(name); wrong != "" {
		return problem.InvalidField("id", "%s", wrong)
	}
	return nil
}

func (s *TenantSettings) check(hasPlan func(name string) bool, longest time.Duration) error {
	if s.Plan == DefaultPlan {
		s.Plan = ""
	}
	if s.Plan != "" && (hasPlan == nil || !hasPlan(s.Plan)) {
		return problem.InvalidField("plan", "must be the name of a plan")
	}
	if err := s.Limits.check("limits.", longest); err != nil {
		return err
	}
	if utf8.RuneCountInString(s.Title) > maxTenantTitle {
		return problem.InvalidField("name", "must have at most %d characters", maxTenantTitle)
	}
	if err := event.CheckLabel(s.Title, false); s.Title != "" && err != nil {
		return problem.InvalidField("name", "%s", err.Error())
	}
	return nil
}

// audited is what the audit log shows of a tenant.
func (t *Tenant) audited() any {
	var eraseAt *time.Time
	if !t.Life.EraseAt.IsZero() {
		eraseAt = &t.Life.EraseAt
	}
	return struct {
		ID      string      `json:"id"`
		Name    string      `json:"name"`
		State   TenantState `json:"state"`
		Plan    string      `json:"plan"`
		Limits  Limits      `json:"limits,omitempty"`
		Reveal  bool        `json:"revealSecrets,omitempty"`
		EraseAt *time.Time  `json:"eraseAt,omitempty"`
	}{t.Name, t.Title(), t.State(), t.Plan(), t.Settings.Limits, t.Settings.RevealSecrets, eraseAt}
}

func (t *Tenant) target() access.Target {
	return access.Target{Type: "tenant", ID: t.Name, Name: strings.TrimSpace(t.Settings.Title)}
}

// Bound narrows what the principal may do to what the state of their tenant allows.
func (t *Tenant) Bound(p *access.Principal) {
	var allowed access.Permission
	operator := p.Allows(access.RunPlatform)
	switch t.State() {
	case TenantActive:
		return
	case TenantSuspended:
		allowed = access.Reading | access.ViewAudit | access.OwnAccount | access.RunPlatform
		if operator { // who may want to put things right
			allowed = ^access.Publish
		}
		p.BarredWhy = fmt.Sprintf("the tenant %q is suspended: it takes no events and no changes, and can be looked at", t.Name)
	default:
		allowed = access.OwnAccount
		if operator {
			allowed = access.Reading | access.ViewAudit | access.OwnAccount | access.RunPlatform
		}
		p.BarredWhy = fmt.Sprintf("the tenant %q is deleted", t.Name)
		if t.State() == TenantDeleted {
			p.BarredWhy += " and will be erased at " + t.Life.EraseAt.UTC().Format(time.RFC3339) + "; whoever runs the installation can restore it until then"
		}
	}
	p.Barred = p.May &^ allowed
	p.May &= allowed
}
