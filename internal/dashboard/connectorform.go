package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/problem"
)

// maxDocumentForm bounds a form with a definition, in bytes: each byte of it may take three in a form.
const maxDocumentForm = 3*connector.MaxDocument + 4<<10

// connectorForm is the editor of a definition.
type connectorForm struct {
	Connector, Version string // of the draft that is edited; empty: a new one
	Of                 string // the connector that a new one is made from; empty: from the beginning
	Document           string
	Was                string // a hash of the document that the form was made from
	Changed            bool   // somebody else has saved meanwhile
	Wrong              string
	Found              *findings // nil: it was not checked
	Plan               limit
}

// findings are the mistakes of a document and the results of its tests.
type findings struct {
	Faults  definition.Faults
	Missing definition.Faults // what a draft may do without
	Tests   []connector.TestResult
	Passed  int
	Name    string
}

// firstDocument is what a new definition begins with: a short one that works.
const firstDocument = `connector: my-connector
version: 1.0.0
kind: message
name: My connector
partnerNumber: 2001
connection:
  url: {title: Address, type: url}
message: {method: POST, url: "${connection.url}"}
tests:
  - {name: it is accepted, answer: {status: 202}, verdict: delivered}
`

func hashOf(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:8])
}

// inspect reads the document and runs its tests. Nothing is stored and nothing is sent.
func (d *Dashboard) inspect(ctx context.Context, q *request, document string) *findings {
	f := &findings{}
	def, err := connector.Parse(document)
	if faults, ok := err.(definition.Faults); ok { //nolint:errorlint // Parse returns no other
		for _, x := range faults {
			if x.Missing {
				f.Missing = append(f.Missing, x)
			} else {
				f.Faults = append(f.Faults, x)
			}
		}
		return f
	}
	f.Name, f.Tests = def.Name, d.Connectors.RunTests(ctx, q.who.Tenant, def)
	for _, t := range f.Tests {
		if t.Reason == "" {
			f.Passed++
		}
	}
	return f
}

func (f *connectorForm) answer(status int) answer {
	a := answer{page: "connector-form", title: "Add custom connector", section: "connectors", data: f, status: status}
	if f.Connector != "" {
		a.title = "Edit connector"
	}
	return a
}

// connectorNew is the editor for a new definition, or for one that is made from another: a clone, or the next version of
// one's own.
func (d *Dashboard) connectorNew(ctx context.Context, q *request) (answer, error) {
	f := &connectorForm{Document: firstDocument, Plan: d.connectorLimit(q)}
	if from := q.URL.Query().Get("from"); from != "" {
		e, err := d.Connectors.Get(q.who.Tenant, from, q.URL.Query().Get("version"))
		if err != nil {
			return answer{}, err
		}
		f.Of, f.Document = e.Name, d.derived(q, e, q.URL.Query().Get("as") == "version" && !e.Standard)
	}
	f.Found = d.inspect(ctx, q, f.Document)
	return f.answer(0), nil
}

var (
	connectorLine = regexp.MustCompile(`(?m)(^\s*"?connector"?\s*:\s*)("[^"]*"|[^\s,]+)`)
	versionLine   = regexp.MustCompile(`(?m)(^\s*"?version"?\s*:\s*)("[^"]*"|[^\s,]+)`)
	nameLine      = regexp.MustCompile(`(?m)(^\s*"?name"?\s*:\s*)("[^"\n]*"|[^\n,}]+)`)
)

// derived is the document of a definition under a new name, or with the next version. Where the lines of the document are not
// found, it stays as it is, and the check says what to change.
func (d *Dashboard) derived(q *request, e connector.Entry, version bool) string {
	set := func(line *regexp.Regexp, text, value string) string {
		at := line.FindStringSubmatchIndex(text)
		if at == nil {
			return text
		}
		if strings.HasPrefix(text[at[4]:at[5]], `"`) {
			value = strconv.Quote(value)
		}
		return text[:at[4]] + value + text[at[5]:]
	}
	taken := func(name, version string) bool {
		_, err := d.Connectors.Get(q.who.Tenant, name, version)
		return err == nil
	}
	text := e.Document()
	if version {
		next := e.Version
		for n := 0; taken(e.Connector, next) && n < 1000; n++ {
			next = bump(next)
		}
		return set(versionLine, text, next)
	}
	name := e.Connector + "-custom"
	for n := 2; taken(name, "") && n < 1000; n++ {
		name = fmt.Sprintf("%s-custom-%d", e.Connector, n)
	}
	text = set(connectorLine, text, name)
	if e.Standard { // the name people see must tell them apart
		text = set(nameLine, text, strconv.Quote(e.Name+" (custom)"))
	}
	return text
}

// bump returns the next minor version.
func bump(version string) string {
	parts := strings.Split(version, ".")
	if len(parts) != 3 {
		return version
	}
	minor, err := strconv.Atoi(parts[1])
	if err != nil {
		return version
	}
	return fmt.Sprintf("%s.%d.0", parts[0], minor+1)
}

func (d *Dashboard) connectorEdit(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err != nil {
		return answer{}, err
	}
	if e.Standard || e.State != connector.Draft {
		return answer{to: q.versionPath(e.Connector, e.Version)}, nil
	}
	f := &connectorForm{Connector: e.Connector, Version: e.Version, Document: e.Document(), Was: hashOf(e.Document())}
	f.Found = d.inspect(ctx, q, f.Document)
	return f.answer(0), nil
}

// document returns the definition of a form, as it was typed but for the line ends of HTML.
func (q *request) document() string { return strings.ReplaceAll(q.form.Get("document"), "\r\n", "\n") }

// connectorCheck checks a document while it is being written.
func (d *Dashboard) connectorCheck(ctx context.Context, q *request) (answer, error) {
	f := &connectorForm{Connector: q.value("connector"), Version: q.value("version"), Was: q.value("was"), Of: q.value("of"), Document: q.document()}
	f.Found = d.inspect(ctx, q, f.Document)
	a := f.answer(0)
	a.block = "findings"
	return a, nil
}

func (d *Dashboard) connectorCreate(ctx context.Context, q *request) (answer, error) {
	f := &connectorForm{Of: q.value("of"), Document: q.document(), Plan: d.connectorLimit(q)}
	e, err := d.Connectors.Create(ctx, q.who, f.Document)
	if err == nil {
		return answer{to: q.versionPath(e.Connector, e.Version)}, nil
	}
	return d.refuseDocument(ctx, q, f, err)
}

func (d *Dashboard) connectorSave(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err != nil {
		return answer{}, err
	}
	f := &connectorForm{Connector: e.Connector, Version: e.Version, Document: q.document(), Was: q.value("was")}
	if now := hashOf(e.Document()); f.Was != now {
		f.Changed, f.Was = true, now
		f.Found = d.inspect(ctx, q, f.Document)
		return f.answer(409), nil
	}
	if _, err := d.Connectors.Replace(ctx, q.who, e.Connector, e.Version, f.Document); err != nil {
		return d.refuseDocument(ctx, q, f, err)
	}
	return answer{to: q.versionPath(e.Connector, e.Version)}, nil
}

// refuseDocument shows the editor again, with what is wrong.
func (d *Dashboard) refuseDocument(ctx context.Context, q *request, f *connectorForm, err error) (answer, error) {
	kind := problem.KindOf(err)
	if kind != problem.Invalid && kind != problem.Conflict && kind != problem.PlanLimit {
		return answer{}, err
	}
	f.Found = d.inspect(ctx, q, f.Document)
	if len(f.Found.Faults) == 0 {
		f.Wrong = sentence(reasons(err))
		if p := asProblem(err); len(p.Fields) == 1 {
			f.Wrong = sentence(strings.TrimPrefix(p.Fields[0].Name, "document.") + " " + p.Fields[0].Reason)
		}
	}
	return f.answer(kind.Status()), nil
}
