// Package webhook holds a subscription: where events go, which ones, in which
// shape, how they are signed, paced and retried, and how its endpoint fares.
//
// It decides on the meaning of the endpoint's answers (Retry.Decide), but sends
// nothing itself: that is package delivery's work.
//
// A change is checked twice: before the lock, for all that may take seconds, and
// again on the settings as they are then (update.go).
package webhook

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/transform"
)

// Webhook is a subscription. A *Webhook handed out by the Registry is
// immutable: a change makes a new one.
type Webhook struct {
	// Number is its row number, part of its deliveries' ids; never used again
	// after a deletion.
	Number uint32
	// ID is the public id, "wh_…", or "hook_…" for a REST hook.
	ID     string
	Tenant event.TenantID
	Settings
	Secrets Secrets
	Status  Status
	Health  Health
	// Inactive lists the times at which nothing was queued for the webhook,
	// the latest last, so that "explain" can say why an event was skipped. The
	// last one is open while the webhook is paused or disabled.
	Inactive  []Period
	CreatedAt time.Time
	UpdatedAt time.Time
	// Version counts the changes since it was created; the store keeps it.
	Version int64

	// Target is the parsed URL, Program the compiled filter and Script the
	// transform, both nil without one; filled by the Registry.
	Target egress.Target
	// Refused says why there is no Target: the rules of this server, which are stricter than those the URL was saved
	// under, do not allow it. Empty otherwise.
	Refused string
	Program *filter.Program
	Script  *transform.Script
	// Holds are the times in which the tenant was suspended, the last one without an end while they are. Not stored with
	// the webhook; filled by the Registry.
	Holds []Window

	unread         json.RawMessage // see OpenSecrets
	headersInClear bool            // see OpenSettings
}

// Settings are the user's choices. They are stored in two parts: those that
// StoredSettings returns, and those that are sealed with the secrets.
type Settings struct {
	// Owner is the product that the webhook belongs to; empty: the user, who alone sees it among webhooks. See
	// destination.Wrapper.
	Owner string `json:"owner,omitempty"`
	// Hook is what only REST hooks have; nil for all others.
	Hook *Hook `json:"hook,omitempty"`

	// Destination is where deliveries go, unless to the HTTP endpoint at URL.
	Destination Destination `json:"destination,omitzero"`

	URL         string   `json:"url"` // of another destination: a printable address, set by its kind
	Description string   `json:"description,omitempty"`
	Events      []string `json:"events"` // exact names and globs; see Matches
	// Filter is an expression that says which events are wanted, of those that
	// Events names; see package filter. Empty: all of them.
	Filter string `json:"filter,omitempty"`
	// Transform is a script that makes the request of an event; see package
	// transform. Empty: the request is Format's.
	Transform string    `json:"transform,omitempty"`
	Format    string    `json:"format"`    // see package format
	Signature Signature `json:"signature"` // which headers sign the request
	// Signatures sign it as well, in the forms of other systems.
	Signatures []signing.Scheme `json:"signatures,omitempty"`
	// KeyPair signs requests with an ed25519 key as well, under the standard
	// signature. The key is among the Secrets.
	KeyPair bool              `json:"keyPair,omitempty"`
	Headers map[string]string `json:"headers,omitempty"` // added to every request; sealed
	// Traceparent hands the trace of the event on to the endpoint, in the header of W3C Trace Context.
	Traceparent bool `json:"traceparent,omitempty"`
	// Labels say what the webhook belongs to, such as a customer: a portal link shows the webhooks with its labels.
	Labels  map[string]string `json:"labels,omitempty"`
	Auth    auth.Settings     `json:"-"` // how requests say who they come from; sealed
	Retry   Retry             `json:"retry"`
	Timeout time.Duration     `json:"timeout"` // of one attempt, from DNS to the last byte read
	// MaxConcurrency bounds attempts under way at a time; zero: Relay adapts it.
	MaxConcurrency int `json:"maxConcurrency,omitempty"`
	// DisableOn lists the status codes that disable the webhook at once.
	DisableOn []int `json:"disableOn,omitempty"`
	// AbsentOn lists the status codes by which the endpoint tells that it is not there for the moment: a webhook that gets
	// nothing else for AbsentAfter is disabled.
	AbsentOn []int `json:"absentOn,omitempty"`
	// RateLimit bounds how many attempts start in a second; nil: no bound.
	RateLimit *RateLimit `json:"rateLimit,omitempty"`
	// Ordering says whether deliveries wait for the ones before them.
	Ordering Ordering `json:"ordering,omitempty"`
	// Batch has several deliveries share a request; nil: each has its own.
	Batch *Batch `json:"batch,omitempty"`
	// Maintenance lists windows without sending; events that come then are
	// held, and delivered after the window.
	Maintenance []Window `json:"maintenance,omitempty"`
}

// Destination says what kind of destination a webhook has.
type Destination struct {
	Type string `json:"type"` // empty: HTTP
	// Options are the settings of the kind, which may hold credentials; sealed.
	Options json.RawMessage `json:"-"`
}

// IsHTTP reports whether deliveries go to an HTTP endpoint.
func (d *Destination) IsHTTP() bool { return d.Type == "" }

// RateLimit bounds attempts to an endpoint.
type RateLimit struct {
	PerSecond float64 `json:"perSecond"` // 0.01 to 10,000
	Burst     int     `json:"burst"`     // attempts that may start together; 0: as PerSecond, at least 1
}

// Batch says when deliveries that wait for company go: as soon as one of the
// bounds is reached. The answer to a batch is for all of it, and it is tried
// again as it was.
type Batch struct {
	MaxEvents int `json:"maxEvents"` // 1 to MaxBatchEvents
	// MaxWait is how long the first waits for others, from its acceptance on; 0
	// to MaxBatchWait. Deliveries from the store, late already, do not wait.
	MaxWait time.Duration `json:"maxWait"`
	// MaxBytes bounds the body, MinBatchBytes to MaxBatchBytes; an event that is
	// larger by itself goes alone.
	MaxBytes int `json:"maxBytes"`
}

// Bounds of a batch, and what holds where a
// caller leaves something out.
const (
	MaxBatchEvents = 1000
	MaxBatchWait   = time.Hour
	MinBatchBytes  = 1 << 10
	MaxBatchBytes  = 16 << 20 // as much as a publisher may send at once

	DefaultBatchEvents = 100
	DefaultBatchWait   = time.Second
	DefaultBatchBytes  = 1 << 20
)

// Ordering says in which order deliveries are made.
type Ordering string

// The orderings.
const (
	OrderingNone Ordering = "none" // none is promised
	// OrderingFIFO delivers strictly in the order the events were accepted in:
	// those with the same key in order among themselves, those without a key
	// likewise. One that waits for its retry holds those behind it.
	OrderingFIFO Ordering = "fifo"
)

// Window is a span of time in which an endpoint is in maintenance.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// HeldUntil returns the end of the maintenance window that t lies in, or of
// the last of several that follow each other without a gap; zero if in none.
func (s *Settings) HeldUntil(t time.Time) (end time.Time) {
	for range s.Maintenance { // each pass can find the window behind the last one
		for _, w := range s.Maintenance {
			if at := later(t, end); !at.Before(w.From) && at.Before(w.To) {
				end = w.To
			}
		}
	}
	return end
}

// HeldFor returns how much of the time from since to now lay in maintenance
// windows: it does not count as age.
func (s *Settings) HeldFor(since, now time.Time) (held time.Duration) {
	for at := since; at.Before(now); {
		if end := s.HeldUntil(at); !end.IsZero() {
			if end.After(now) {
				end = now
			}
			held += end.Sub(at)
			at = end
			continue
		}
		next := now // the beginning of the next window
		for _, w := range s.Maintenance {
			if w.From.After(at) && w.From.Before(next) {
				next = w.From
			}
		}
		at = next
	}
	return held
}

// HeldFor returns how much of the time from since to now lay in maintenance windows, or in times in which the tenant was
// suspended: it does not count as age.
func (w *Webhook) HeldFor(since, now time.Time) time.Duration {
	if len(w.Holds) == 0 {
		return w.Settings.HeldFor(since, now)
	}
	all := Settings{Maintenance: append(slices.Clone(w.Maintenance), w.Holds...)}
	for i := range all.Maintenance {
		if all.Maintenance[i].To.IsZero() {
			all.Maintenance[i].To = now
		}
	}
	return all.HeldFor(since, now)
}

// MayBeHeld reports whether there are times that do not count as age; see HeldFor.
func (w *Webhook) MayBeHeld() bool { return len(w.Maintenance)+len(w.Holds) > 0 }

// Held reports whether deliveries wait because the tenant is suspended.
func (w *Webhook) Held() bool { return len(w.Holds) > 0 && w.Holds[len(w.Holds)-1].To.IsZero() }

// Sends reports whether deliveries may go out: the webhook is active, and its tenant not suspended.
func (w *Webhook) Sends() bool { return w.Status == Active && !w.Held() }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Status tells whether a webhook receives events.
type Status string

// The statuses.
const (
	Active   Status = "active"   // events are delivered
	Paused   Status = "paused"   // by a person; nothing is queued, retries stop
	Disabled Status = "disabled" // by Relay, see Health; as paused
	Ended    Status = "ended"    // a REST hook that is over, see Ending; what it was owed is discarded
)

// Signature names the headers that sign a request.
type Signature string

// The signatures.
const (
	SignRelay    Signature = "relay"          // X-Relay-Timestamp, X-Relay-Signature
	SignStandard Signature = "standard"       // Standard Webhooks
	SignBoth     Signature = "relay+standard" // both
	SignNone     Signature = "none"           // no signature
)

// Secrets signs requests. Previous is sent beside Current under the standard
// signature until PreviousUntil, after a rotation with overlap.
type Secrets struct {
	Current       string    `json:"current"`
	Previous      string    `json:"previous,omitempty"`
	PreviousUntil time.Time `json:"previousUntil,omitzero"`
	// RotatedAt is when Current replaced another secret; zero: never, or by a
	// version of Relay that did not note it.
	RotatedAt time.Time `json:"rotatedAt,omitzero"`
	// Key and PreviousKey are private keys, as signing.EncodePrivateKey writes
	// them, of a webhook with Settings.KeyPair. They are rotated with the secrets.
	Key         string `json:"key,omitempty"`
	PreviousKey string `json:"previousKey,omitempty"`
}

// PublicKey returns the public half of Key as receivers are given it, "whpk_…";
// empty: there is no key that can sign.
func (s Secrets) PublicKey() string {
	key, err := signing.ParsePrivateKey(s.Key)
	if err != nil {
		return ""
	}
	return signing.EncodePublicKey(key.Public().(ed25519.PublicKey))
}

// keyPair adds or removes the key as the settings ask.
func (s *Secrets) keyPair(wanted bool) {
	switch {
	case !wanted:
		s.Key, s.PreviousKey = "", ""
	case s.Key == "":
		s.Key = signing.EncodePrivateKey(signing.NewPrivateKey())
	}
}

// Valid returns the secrets that sign at the moment now, the newest first.
func (s Secrets) Valid(now time.Time) []string {
	if s.Previous != "" && now.Before(s.PreviousUntil) {
		return []string{s.Current, s.Previous}
	}
	return []string{s.Current}
}

// Period is a span of time in which a webhook received nothing.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero: not over
	Why  Status    `json:"why"`         // Paused, Disabled or Ended
}

// Contains reports whether t lies in the period.
func (p Period) Contains(t time.Time) bool {
	return !t.Before(p.From) && (p.To.IsZero() || t.Before(p.To))
}

// Health is how the endpoint has answered lately. It is stored when it
// changes its character (the first failure, the first success after one, a
// notice, a disabling), not with every attempt.
type Health struct {
	// FailingSince is the first failure after the last success; zero: not failing.
	FailingSince time.Time `json:"failingSince,omitzero"`
	// Failures counts failed attempts since FailingSince. While the webhook
	// keeps failing the stored count lags behind the one in memory.
	Failures int `json:"failures,omitempty"`
	// LastError is the last failure in words.
	LastError string `json:"lastError,omitempty"`
	// NoticedAt is when webhook.failing was published for this streak; zero: not yet.
	NoticedAt time.Time `json:"noticedAt,omitzero"`
	// DisabledAt and DisabledReason say when and why Relay disabled it.
	DisabledAt     time.Time `json:"disabledAt,omitzero"`
	DisabledReason string    `json:"disabledReason,omitempty"`
	// RejectedSince is the first answer 401 or 403 since the last success or
	// change of the authentication; zero: none. Rejections counts them, and
	// RejectedReason is the last one in words.
	RejectedSince  time.Time `json:"rejectedSince,omitzero"`
	Rejections     int       `json:"rejections,omitempty"`
	RejectedReason string    `json:"rejectedReason,omitempty"`
	// RejectedNoticedAt is when webhook.authentication_rejected was published
	// about it; zero: not yet.
	RejectedNoticedAt time.Time `json:"rejectedNoticedAt,omitzero"`
	// AbsentSince is the first of the answers of Settings.AbsentOn that have come without another one in between; zero: the
	// last answer was another. Absences counts them.
	AbsentSince time.Time `json:"absentSince,omitzero"`
	Absences    int       `json:"absences,omitempty"`
}

// Absent reports whether the endpoint has told often enough that it is not there.
func (h *Health) Absent() bool { return h.Absences >= absentTimes }

// Accept forgets that the endpoint rejected the authentication.
func (h *Health) Accept() {
	h.RejectedSince, h.Rejections, h.RejectedReason, h.RejectedNoticedAt = time.Time{}, 0, "", time.Time{}
}

// The automatic rule: a webhook whose attempts did nothing but
// fail for DisableAfter is disabled; the operational event webhook.failing is
// published once NoticeAfter has passed that way. One success starts anew.
const (
	NoticeAfter  = time.Hour
	DisableAfter = 5 * 24 * time.Hour
	// AbsentAfter is how long an endpoint may answer that it is not there, and nothing else. One that answers so less than
	// absentTimes in a row may be in the middle of a change.
	AbsentAfter = 24 * time.Hour
	absentTimes = 5
)

// NewID returns a fresh public id: "wh_" and 80 random bits.
func NewID() string { return randomid.New("wh_") }

// ErrNotFound is returned for a webhook that is not there, or is another tenant's.
var ErrNotFound = errors.New("webhook: not found")

// ErrChanged is returned for a change to a webhook that somebody else, another
// node, has changed since it was read.
var ErrChanged = errors.New("webhook: changed meanwhile")

// ChangeLog is implemented by a Store whose webhooks other nodes change, too.
type ChangeLog interface {
	// WebhookChanges returns the webhooks that were created or changed, and the
	// numbers of those that were deleted, since an earlier call, which returned
	// through; zero: since ever. The same change may be returned again.
	WebhookChanges(ctx context.Context, since int64) (changed []*Webhook, deleted []uint32, through int64, err error)
}

// Store keeps webhooks. A change is durable when the call returns. All methods
// are safe for concurrent use.
type Store interface {
	// WebhookList returns every webhook of every tenant.
	WebhookList(ctx context.Context) ([]*Webhook, error)
	// WebhookCreate adds a webhook and returns the number it was given, above
	// every number given before, also to webhooks since deleted.
	WebhookCreate(ctx context.Context, w *Webhook, quota *account.Quota, entry *access.Entry) (number uint32, err error)
	// WebhookUpdate replaces everything but number, id, tenant and creation
	// time of the webhook with w's number and tenant, and adds one to its
	// version and w's. Where the stored version is not w's nothing is changed,
	// and the error wraps ErrChanged; ErrNotFound without a webhook. The quota, nil for none, is checked with the webhook
	// counted as it then is.
	WebhookUpdate(ctx context.Context, w *Webhook, quota *account.Quota, entry *access.Entry) error
	// WebhookHealth is WebhookUpdate for the health alone. A crash may undo it.
	WebhookHealth(ctx context.Context, w *Webhook) error
	// WebhookDelete removes the webhook; ErrNotFound without one. The delivery
	// engine removes its owed deliveries.
	WebhookDelete(ctx context.Context, tenant event.TenantID, number uint32, entry *access.Entry) error
	// WebhookDeleted returns the number that a deleted webhook of the tenant had;
	// ok is false where the store does not know of one.
	WebhookDeleted(ctx context.Context, tenant event.TenantID, id string) (number uint32, ok bool, err error)
}
