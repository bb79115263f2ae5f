// Package importer reads the endpoints of other webhook senders through their documented APIs and
// says what they are as webhooks of Relay.
//
// It knows the answers of Svix, Convoy and Outpost, and of Relay only the members of a webhook. What
// has no counterpart becomes a note. Where leaving something out would send more than before, such
// as a filter that Relay cannot express, the webhook is to be paused until a person has looked.
package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/webhook"
)

// OriginLabel is the label of an imported webhook that says where it came from.
const OriginLabel = "importedFrom"

// maxTypes is how many event types a webhook may name.
const maxTypes = 100

// Webhook is an endpoint of another system as a webhook of Relay.
type Webhook struct {
	// Origin names the endpoint, the same in each run: "svix:ep_…".
	Origin string
	// Owner is whom the endpoint belongs to: an application, owner or tenant. An event of one owner
	// goes to the endpoints of that owner only.
	Owner string
	// Request has members of the request that makes a webhook. It holds secrets.
	Request map[string]any
	// Paused is set for an endpoint that is disabled or paused, or that must be looked at first.
	Paused bool
	// Notes say what has no counterpart, each in a sentence.
	Notes []string
	// Skipped says why the endpoint cannot be brought; empty: it can.
	Skipped string
}

// Options say what to read.
type Options struct {
	Source Source
	// Only bounds the owners, by the other system's ids; empty: all of them.
	Only []string
	// Projects are those of Convoy.
	Projects []string
	// Signature replaces what the other system says about signatures; nil: as it says.
	Signature any
}

// A System is a kind of installation that webhooks can be read from.
type System struct {
	// Name is a word, as in commands; Title is how its makers write it.
	Name, Title string
	// Owner is the word for whom endpoints belong to.
	Owner string
	read  func(context.Context, *Options) ([]Webhook, error)
}

// Systems are all systems.
var Systems = []System{
	{"svix", "Svix", "application", readSvix},
	{"convoy", "Convoy", "owner", readConvoy},
	{"outpost", "Outpost", "tenant", readOutpost},
}

// Read returns the endpoints of a system, in its order.
func (s *System) Read(ctx context.Context, o Options) ([]Webhook, error) {
	list, err := s.read(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", s.Title, err)
	}
	if o.Signature != nil {
		for i := range list {
			if list[i].Request != nil {
				list[i].Request["signature"] = o.Signature
			}
		}
	}
	return list, nil
}

// Owners returns the owners of the webhooks that can be brought, each once and in order.
func Owners(list []Webhook) []string {
	owners := map[string]bool{}
	for i := range list {
		if list[i].Skipped == "" {
			owners[list[i].Owner] = true
		}
	}
	return slices.Sorted(maps.Keys(owners))
}

// Narrow makes the webhook take only the events that have its owner in an attribute, and labels it
// so. The name is one that CheckAttribute accepts.
func (w *Webhook) Narrow(attribute string) {
	w.also(fmt.Sprintf("event.attributes.%s == %s", attribute, strconv.Quote(w.Owner)))
	w.label(attribute, w.Owner)
}

// CheckAttribute returns an error unless an attribute of an event can be named so in a filter.
func CheckAttribute(name string) error {
	letters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	if name == "" || strings.Trim(name, letters+"0123456789") != "" || !strings.Contains(letters, name[:1]) {
		return fmt.Errorf("must be letters, digits and _, and begin with a letter, got %q", name)
	}
	_, err := filter.Compile("event.attributes." + name + ` == ""`) // no reserved word
	return err
}

// also adds a condition to the filter.
func (w *Webhook) also(condition string) {
	if was, _ := w.Request["filter"].(string); was != "" {
		condition = "(" + was + ") && " + condition
	}
	w.Request["filter"] = condition
}

func (w *Webhook) note(format string, args ...any) {
	w.Notes = append(w.Notes, fmt.Sprintf(format, args...))
}

// hold pauses the webhook, because it would send more than before or something else.
func (w *Webhook) hold(format string, args ...any) {
	w.Paused = true
	w.note(format+"; it is paused", args...)
}

// label adds a label, or a note if Relay has none of that form.
func (w *Webhook) label(name, value string) {
	labels, _ := w.Request["labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
		w.Request["labels"] = labels
	}
	if reason := webhook.CheckLabel(name, value); reason != "" || len(labels) >= 14 { // of 16: the origin and the owner come later
		w.note("its metadata %q cannot be a label", name)
		return
	}
	labels[name] = value
}

// labelAll adds what the other system calls metadata.
func (w *Webhook) labelAll(metadata map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(metadata)) {
		value, ok := metadata[name].(string)
		if !ok {
			b, _ := json.Marshal(metadata[name]) // decoded from JSON
			value = string(b)
		}
		w.label(name, value)
	}
}

// types sets the event types; none stands for all.
func (w *Webhook) types(list []string) {
	switch {
	case len(list) == 0:
		list = []string{"*"}
	case len(list) > maxTypes:
		quoted := make([]string, len(list))
		for i, name := range list {
			quoted[i] = strconv.Quote(name)
		}
		w.also("event.type in [" + strings.Join(quoted, ", ") + "]")
		list = []string{"*"}
	}
	w.Request["events"] = anyList(list)
}

// operators adds a filter that is written as an object of operators, with paths of Relay's event.
func (w *Webhook) operators(object map[string]any) {
	b, err := json.Marshal(object)
	if err == nil {
		var text string
		if text, err = filter.FromOperators(b); err == nil {
			w.also(text)
			return
		}
	}
	w.hold("its filter has no counterpart (%v)", err)
}

func anyList[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// perSecond sets the rate limit.
func (w *Webhook) perSecond(rate float64) {
	const least, most = 0.01, 10_000 // of Relay
	if rate <= 0 {
		return
	}
	if bounded := min(max(rate, least), most); bounded != rate {
		w.note("its rate of %v a second becomes %v", rate, bounded)
		rate = bounded
	}
	w.Request["rateLimit"] = map[string]any{"perSecond": rate}
}

// wanted reports whether an owner is to be brought.
func (o *Options) wanted(ids ...string) bool {
	if len(o.Only) == 0 {
		return true
	}
	return slices.ContainsFunc(ids, func(id string) bool { return id != "" && slices.Contains(o.Only, id) })
}
