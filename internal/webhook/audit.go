package webhook

import (
	"maps"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/secret"
)

// The actions on webhooks, as the audit log names them.
const (
	actionCreate  = "webhook.create"
	actionUpdate  = "webhook.update"
	actionDelete  = "webhook.delete"
	actionPause   = "webhook.pause"
	actionResume  = "webhook.resume"
	actionDisable = "webhook.disable"
	actionRotate  = "webhook.rotate-secret"
)

// entryFunc makes the audit entry of a change of a webhook; old is nil for a new one, new for one that is deleted.
type entryFunc func(old, new *Webhook) (*access.Entry, error)

// doing returns the function that makes the entries of an action.
func doing(p *access.Principal, action string) entryFunc {
	return func(old, new *Webhook) (*access.Entry, error) { return changeEntry(p, action, old, new) }
}

// part returns the function for a change that is a part of a larger one, whose entry is given; nil: that has none.
func part(entry *access.Entry) entryFunc {
	return func(_, _ *Webhook) (*access.Entry, error) { return entry, nil }
}

func changeEntry(p *access.Principal, action string, old, new *Webhook) (*access.Entry, error) {
	w := anyOf(new, old)
	var before, after any
	if old != nil {
		before = old.audited()
	}
	if new != nil {
		after = new.audited()
	}
	if action == actionRotate {
		before, after = nil, nil // nothing that may be shown has changed
	}
	kind := "webhook"
	if w.Hook != nil {
		kind, action = "hook", strings.Replace(action, "webhook.", "hook.", 1)
	}
	return p.Entry(action, before, after, access.Target{Type: kind, ID: w.ID, Name: w.Description})
}

// Audited is the part of the settings that the audit log shows: everything but secrets.
func (s *Settings) Audited() any {
	shown := s.clone()
	headers := maps.Clone(shown.Headers)
	for name := range headers {
		headers[name] = secret.Hidden
	}
	return struct {
		Settings
		Auth    any               `json:"auth"`
		Headers map[string]string `json:"headers,omitempty"`
	}{shown, shown.Auth.Hide(), headers}
}

// audited is a webhook as the audit log shows it.
func (w *Webhook) audited() any {
	return struct {
		Status   Status `json:"status"`
		Settings any    `json:"settings"`
	}{w.Status, w.Settings.Audited()}
}

func anyOf(old, new *Webhook) *Webhook {
	if old != nil {
		return old
	}
	return new
}
