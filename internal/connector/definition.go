// Package connector sends profiles to partner platforms, server to server, in each partner's own shape
// (custom-connectors.txt).
//
// The idea: a definition is a document about the calls to a partner, a connection is a definition with an account's
// credentials, and a send is a delivery of the engine: an event names the message, which is made when it
// is sent. Retries, batches, pace, pause and the log are the engine's. A definition is data: Relay ships some (the
// standard ones), and an admin adds others (the custom ones) while the server runs. There is no difference between them
// beyond where they come from.
//
// The parts:
//
//   - payload.go has the documented payload
//   - parse_definition.go reads definitions, with the help of parse.go (YAML) and fault.go (mistakes); expression.go,
//     tree.go and functions.go have their language
//   - render.go makes requests and judge.go reads answers; tests.go runs the tests that a definition carries
//   - registry.go keeps definitions and connections; segments.go and fetch.go list a partner's segments
//   - source.go publishes the events of connections, lane.go makes the webhooks that deliver them
//   - sender.go is the destination of these webhooks: compose.go makes a message, call.go makes its requests
package connector

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// Kind says what counts at the partner.
type Kind string

// The kinds.
const (
	// List: the target is to end up with the right members. What changes back before it was sent is not sent.
	List Kind = "list"
	// Message: each send is an act of its own.
	Message Kind = "message"
)

// Operation is a profile's change.
type Operation string

// The operations.
const (
	Enter  Operation = "enter"
	Update Operation = "update"
	Leave  Operation = "leave"
	Forget Operation = "forget" // it is erased
)

// Definition is a document that has been read. It is immutable and safe for concurrent use.
type Definition struct {
	Connector       string // its name in addresses: "meta-custom-audience"
	Version         string
	Kind            Kind
	Name            string // for people
	Logo            string
	Description     string
	Docs            string // where the partner describes its API
	CheckedAgainst  string // the documents that the definition was compared with, and when
	Categories      []string
	PartnerNumber   int64
	Request         Ticket
	Fields          []Field
	ExternalID      ExternalID
	Identifiers     Identifiers
	Aggregate       *Aggregate // nil: each profile has a request of its own
	Limits          Limits
	Tests           []Test
	Plan            []string // what people check before it goes live
	HasSegments     bool
	document        string
	hosts           []*template
	auth            authSpec
	check           *request
	segments        *segments
	filter          *expression
	item            *tree
	transform       string
	requests        map[string]*request // add, update, remove, message, forget
	answers         []rule
	results         *results
	groupBy         *expression
	secretFieldList []string
}

// Ticket is what somebody who asks for a connector tells about it (custom-connectors.txt, "Requesting a custom
// connector").
type Ticket struct {
	APIDocs string `json:"apiDocs,omitempty"`
	Contact string `json:"contact,omitempty"`
	UseCase string `json:"useCase,omitempty"`
	DueDate string `json:"dueDate,omitempty"`
}

// Field is a value that a connection must give.
type Field struct {
	Name     string         `json:"name"`
	Title    string         `json:"title"`
	Help     string         `json:"help,omitempty"`
	Type     string         `json:"type"` // text, url, number, boolean
	Secret   bool           `json:"secret,omitempty"`
	Optional bool           `json:"optional,omitempty"`
	Enum     []string       `json:"enum,omitempty"`
	Default  string         `json:"default,omitempty"`
	Example  string         `json:"example,omitempty"`
	Pattern  string         `json:"pattern,omitempty"`
	pattern  *regexp.Regexp // nil: any text
}

// ExternalIDUse says whether a definition uses the External ID.
type ExternalIDUse string

// The uses.
const (
	ExternalIDRequired ExternalIDUse = "required"
	ExternalIDOptional ExternalIDUse = "optional"
	ExternalIDUnused   ExternalIDUse = "unused"
)

// ExternalID is the free text that names the segment or event at the partner. It is sent byte for byte.
type ExternalID struct {
	Use      ExternalIDUse `json:"use"`
	Help     string        `json:"help,omitempty"`
	Pattern  string        `json:"pattern,omitempty"`
	MaxBytes int           `json:"maxBytes"`
	pattern  *regexp.Regexp
}

// Identifiers name the identifiers that a profile needs to be addressed.
type Identifiers struct {
	// AnyOf lists partnerIds, or variables by name ("variables.email"); one of them is enough.
	AnyOf    []string `json:"anyOf,omitempty"`
	Max      int      `json:"max,omitempty"` // of partnerIds; 0: all
	Required bool     `json:"required,omitempty"`
}

// Aggregate says how profiles share a request.
type Aggregate struct {
	MaxProfiles int           `json:"maxProfiles"`
	MaxWait     time.Duration `json:"-"`
	MaxBytes    int           `json:"maxBytes"` // of the rendered body
}

// Window is how many requests the partner takes in a period.
type Window struct {
	Per   time.Duration `json:"-"`
	Count int           `json:"count"`
}

// Limits are the partner's limits.
type Limits struct {
	Requests    []Window `json:"requests,omitempty"`
	Concurrency int      `json:"concurrency,omitempty"`
	Timeout     time.Duration
}

// The names of a definition's requests.
const (
	requestAdd     = "add"
	requestUpdate  = "update"
	requestRemove  = "remove"
	requestMessage = "message"
	requestForget  = "forget"
)

// field is a name with the text it is set to.
type field struct {
	name  string
	value *template
}

// request is how a partner is called.
type request struct {
	method  string
	url     *template
	query   []field
	headers []field
	body    *tree
	form    []field
	// asIs: there is neither body nor form, and the payload is sent, or the items.
	asIs bool
}

// authSpec says how requests say who they come from; its texts are of the connection.
type authSpec struct {
	kind   string // none, basic, bearer, apiKey, query, oauth2
	values map[string]*template
}

// Document returns the text that the definition was read from.
func (d *Definition) Document() string { return d.document }

// Can reports whether the definition can do a thing: add, update, remove, message, forget, segments or check.
func (d *Definition) Can(what string) bool {
	switch what {
	case "segments":
		return d.segments != nil
	case "check":
		return d.check != nil
	}
	return d.requests[what] != nil
}

// Capabilities lists the definition's abilities.
func (d *Definition) Capabilities() (list []string) {
	for _, what := range []string{requestAdd, requestUpdate, requestRemove, requestMessage, requestForget, "segments", "check"} {
		if d.Can(what) {
			list = append(list, what)
		}
	}
	return list
}

// Authentication returns the type of the definition's authentication.
func (d *Definition) Authentication() string { return d.auth.kind }

// requestFor returns the request that an operation makes, nil if the partner has none for it.
func (d *Definition) requestFor(op Operation) *request {
	if op == Forget && d.requests[requestForget] != nil {
		return d.requests[requestForget]
	}
	if d.Kind == Message {
		return d.requests[requestMessage]
	}
	switch op {
	case Forget:
		return d.requests[requestRemove]
	case Leave:
		return d.requests[requestRemove]
	case Update:
		if r := d.requests[requestUpdate]; r != nil {
			return r
		}
	}
	return d.requests[requestAdd]
}

// Sends reports whether the operation makes a request.
func (d *Definition) Sends(op Operation) bool { return d.requestFor(op) != nil }

func (d *Definition) fieldNamed(name string) *Field {
	i := slices.IndexFunc(d.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Fields[i]
}

const maxExternalID = 512

// CheckExternalID checks an External ID as somebody has entered it. It is never changed: trimming or folding would make it
// another one at the partner. The reason completes "externalId …"; empty: it can be used.
func (d *Definition) CheckExternalID(id string) string {
	e := &d.ExternalID
	switch {
	case id == "" && e.Use == ExternalIDRequired:
		return "must not be blank: the connector " + d.Name + " uses it"
	case id == "":
		return ""
	case e.Use == ExternalIDUnused:
		return "is not used by the connector " + d.Name + ": leave it blank"
	case len(id) > e.MaxBytes:
		return fmt.Sprintf("must have at most %d bytes, got %d", e.MaxBytes, len(id))
	case event.CheckText(id) != nil:
		return "must be valid UTF-8 without control characters"
	case e.pattern != nil && !e.pattern.MatchString(id):
		return fmt.Sprintf("must match %s", e.Pattern)
	}
	return ""
}
