package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Limits narrow the scope publish of a key to what they name; nil: the key may publish everything.
// A list that is empty allows none of its sort, so that an integration's key, say, publishes no
// events.
type Limits struct {
	// Types are the event types that may be published: names, in which * stands for any characters.
	Types []string `json:"types,omitempty"`
	// Integrations are those by which respondents may be sent; Direct stands for adding them
	// without one, AnyIntegration for all of them.
	Integrations []string `json:"integrations,omitempty"`
}

// Names in Limits.Integrations that stand for no single integration.
const (
	Direct         = "none" // as in the filters of respondents; no integration may be called that
	AnyIntegration = "*"
)

// maxLimits bounds each list of Limits.
const maxLimits = 50

// Check returns what is wrong with limits that somebody chose, by the fields' names below prefix.
func (l *Limits) Check(prefix string) (wrong []problem.Field) {
	add := func(field, reason string) { wrong = append(wrong, problem.Field{Name: prefix + field, Reason: reason}) }
	if len(l.Types)+len(l.Integrations) == 0 {
		add("", "must name types or integrations: without any the key could publish nothing")
	}
	for i, pattern := range l.Types {
		if err := event.CheckPattern(pattern); err != nil {
			add(fmt.Sprintf(".types[%d]", i), err.Error())
		}
	}
	for i, name := range l.Integrations {
		if name == "" || len(name) > 64 {
			add(fmt.Sprintf(".integrations[%d]", i), `must be the name of an integration, "none" for respondents that are added directly, or "*"`)
		}
	}
	for field, n := range map[string]int{".types": len(l.Types), ".integrations": len(l.Integrations)} {
		if n > maxLimits {
			add(field, fmt.Sprintf("must have at most %d entries, got %d", maxLimits, n))
		}
	}
	slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
	return wrong
}

// Type returns a Forbidden problem unless events of the type may be published.
func (l *Limits) Type(name string) error {
	if l == nil || slices.ContainsFunc(l.Types, func(pattern string) bool { return event.Glob(pattern, name) }) {
		return nil
	}
	return problem.New(problem.Forbidden, "this key may not publish events of the type %q: it is limited to %s", problem.Clip(name), l.words())
}

// Integration returns a Forbidden problem unless respondents may be sent by the integration, whose
// name is given as it is stored; Direct: without one.
func (l *Limits) Integration(name string) error {
	if l == nil || slices.Contains(l.Integrations, AnyIntegration) || slices.Contains(l.Integrations, name) {
		return nil
	}
	if name == Direct {
		return problem.New(problem.Forbidden, "this key may not add respondents directly, past the integrations: it is limited to %s", l.words())
	}
	return problem.New(problem.Forbidden, "this key may not send respondents by the integration %q: it is limited to %s", problem.Clip(name), l.words())
}

// words describes the limits in an error: the caller sees what their own key may do.
func (l *Limits) words() string {
	const shown = 5
	var parts []string
	for _, list := range []struct {
		what  string
		names []string
	}{{"events of the types", l.Types}, {"respondents by the integrations", l.Integrations}} {
		if len(list.names) == 0 {
			continue
		}
		var quoted []string
		for _, name := range list.names[:min(len(list.names), shown)] {
			quoted = append(quoted, strconv.Quote(problem.Clip(name)))
		}
		if more := len(list.names) - shown; more > 0 {
			quoted = append(quoted, fmt.Sprintf("%d more", more))
		}
		parts = append(parts, list.what+" "+strings.Join(quoted, ", "))
	}
	return strings.Join(parts, " and ")
}

// Equal reports whether both allow the same, in the same words.
func (l *Limits) Equal(o *Limits) bool {
	if l == nil || o == nil {
		return l == o
	}
	return slices.Equal(l.Types, o.Types) && slices.Equal(l.Integrations, o.Integrations)
}
