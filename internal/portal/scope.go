package portal

import (
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Scope is the part of a tenant that a portal session sees. The zero Scope is all of it.
type Scope struct {
	// Webhooks are ids of webhooks, and labels written NAME=VALUE. A webhook is in the scope if one of them is its own.
	// Empty: all are.
	Webhooks []string `json:"webhooks,omitempty"`
	// EventTypes are names and globs of the event types that can be chosen, and seen in the log. Empty: all can.
	EventTypes []string `json:"eventTypes,omitempty"`
	// Filter is the filter of all webhooks added in the portal, which nobody can change there. Empty: they have none.
	Filter string `json:"filter,omitempty"`
}

// maxScope bounds each list of a scope.
const maxScope = 100

// check returns what is wrong with a scope, by the names of its fields.
func (s *Scope) check() (wrong []problem.Field) {
	add := func(field, reason string, args ...any) {
		wrong = append(wrong, problem.Field{Name: field, Reason: fmt.Sprintf(reason, args...)})
	}
	if len(s.Webhooks) > maxScope {
		add("webhooks", "must have at most %d entries, got %d", maxScope, len(s.Webhooks))
	}
	if len(s.EventTypes) > maxScope {
		add("eventTypes", "must have at most %d entries, got %d", maxScope, len(s.EventTypes))
	}
	for i, w := range s.Webhooks {
		name, value, label := strings.Cut(w, "=")
		switch {
		case label:
			if reason := webhook.CheckLabel(name, value); reason != "" {
				add(fmt.Sprintf("webhooks[%d]", i), "%s", reason)
			}
		case !strings.HasPrefix(w, webhookPrefix) || len(w) > 64:
			add(fmt.Sprintf("webhooks[%d]", i), "must be the id of a webhook, or a label such as customer=acme")
		}
	}
	for i, pattern := range s.EventTypes {
		if err := event.CheckPattern(pattern); err != nil {
			add(fmt.Sprintf("eventTypes[%d]", i), "%v", err)
		}
	}
	if s.Filter != "" {
		if _, err := filter.Compile(s.Filter); err != nil {
			add("filter", "does not compile: %v", err)
		}
	}
	return wrong
}

const webhookPrefix = "wh_"

// Webhook reports whether the webhook is in the scope. Those that belong to a product of Relay's never are.
func (s *Scope) Webhook(w *webhook.Webhook) bool {
	if w.Owner != "" {
		return false
	}
	return len(s.Webhooks) == 0 || slices.ContainsFunc(s.Webhooks, func(entry string) bool {
		name, value, label := strings.Cut(entry, "=")
		if label {
			return w.Labels[name] == value
		}
		return entry == w.ID
	})
}

// Type reports whether events of the type can be seen. Given a pattern, it reports whether all types it matches can.
func (s *Scope) Type(name string) bool {
	// A * of the name is only matched by a * of the glob, which stands for whatever the name's own stands for.
	return len(s.EventTypes) == 0 || slices.ContainsFunc(s.EventTypes, func(glob string) bool { return event.Glob(glob, name) })
}

// Labels are those of webhooks that are added in the portal: all labels of the scope.
func (s *Scope) Labels() map[string]string {
	labels := make(map[string]string)
	for _, entry := range s.Webhooks {
		if name, value, ok := strings.Cut(entry, "="); ok && labels[name] == "" {
			labels[name] = value
		}
	}
	return labels
}

// MayAdd reports whether a webhook that is added would be in the scope, which it is not where ids alone name its webhooks.
func (s *Scope) MayAdd() bool { return len(s.Webhooks) == 0 || len(s.Labels()) > 0 }
