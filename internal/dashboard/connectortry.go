package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// tryView is the way of a payload through a connector, stage by stage.
type tryView struct {
	Connector  connectorView
	Connection *connector.ConnectionItem // nil: examples stand for its fields, and nothing can be sent
	Payload    string
	Operation  string
	Operations []choice
	Stages     []stage // empty: it was not tried yet
	Sent       *attemptView
	SentBody   *body // of the answer
	MaySend    bool  // it came through
	Wrong      map[string]string
	To         string // where the form leads
}

// stage is a part of the way.
type stage struct {
	Name    string
	Words   string
	Class   string // ok, bad or empty: it was not reached
	Body    *body
	Request *triedRequest
}

// triedRequest is a request as it would be sent.
type triedRequest struct {
	Method, URL string
	Header      []exchange.Field
	Body        *body
}

// maxPayloadForm bounds a form with a payload, in bytes.
const maxPayloadForm = 1 << 20

var operations = []choice{{string(connector.Enter), "enters the audience"}, {string(connector.Update), "changes in it"}, {string(connector.Leave), "leaves it"}}

// examplePayload is what a try-out begins with: the documented payload, with the numbers of the connection.
func examplePayload(d *connector.Definition, it *connector.ConnectionItem, partner int64) string {
	p := connector.Payload{
		PartnerNumber: partner, Audience: 101, PartnerIDs: []string{"037f9dcf-e108-481a-8ad2-e6988e1acfa7"},
		Variables: json.RawMessage(`{"email":"ann@example.com","phone":"+4512345678"}`), ProfileID: "29401b86-7c96-43d6-a40d-9f0ea670e19f",
		SourceID: "94844bd8-f129-480d-a1c9-e806d177d15a", Data: json.RawMessage(`{}`),
	}
	if it != nil {
		p.SiteNumber = it.Value.SiteNumber
	}
	if d.ExternalID.Use != connector.ExternalIDUnused {
		p.AudienceID = "2582431"
	}
	var b bytes.Buffer
	if err := json.Indent(&b, p.Append(nil), "", "  "); err != nil {
		return string(p.Append(nil))
	}
	return b.String()
}

// tried returns the view of a connector or of a connection, whichever the address names.
func (d *Dashboard) tried(q *request) (*tryView, error) {
	v := &tryView{Operation: string(connector.Enter), Operations: operations, Wrong: make(map[string]string)}
	var e connector.Entry
	var err error
	partner := int64(0)
	if id := q.PathValue("id"); id != "" {
		if v.Connection, err = d.Connectors.Connection(q.who.Tenant, id); err != nil {
			return nil, err
		}
		if e, err = d.Connectors.DefinitionOf(q.who.Tenant, &v.Connection.Value); err != nil {
			return nil, err
		}
		partner = d.Connectors.PartnerNumberOf(e.Definition, &v.Connection.Value)
		v.To = q.path("connections", id, "try")
	} else {
		if e, err = d.connector(q); err != nil {
			return nil, err
		}
		partner = e.PartnerNumber
		v.To = q.path("connectors", e.Connector, "try") + "?version=" + url.QueryEscape(e.Version)
	}
	v.Connector = d.showConnector(q.who.Tenant, e)
	v.Payload = examplePayload(e.Definition, v.Connection, partner)
	return v, nil
}

func (v *tryView) answer(status int) answer {
	return answer{page: "connector-try", block: "try-result", title: "Try", section: "connectors", data: v, status: status}
}

func (d *Dashboard) tryPage(_ context.Context, q *request) (answer, error) {
	v, err := d.tried(q)
	if err != nil {
		return answer{}, err
	}
	a := v.answer(0)
	a.block = ""
	return a, nil
}

// tryConnector shows the four stages; with send the request is made, too, and in the log of the connection.
func (d *Dashboard) tryConnector(ctx context.Context, q *request) (answer, error) {
	v, err := d.tried(q)
	if err != nil {
		return answer{}, err
	}
	v.Payload = strings.ReplaceAll(q.form.Get("payload"), "\r\n", "\n")
	for _, o := range operations {
		if o.Value == q.value("operation") {
			v.Operation = o.Value
		}
	}
	id := ""
	if v.Connection != nil {
		id = v.Connection.Name
	}
	t, err := d.Connectors.Try(ctx, q.who, v.Connector.Entry, id, []byte(v.Payload), connector.Operation(v.Operation), q.value("send") != "" && id != "")
	if err != nil {
		p := asProblem(err)
		if p.Kind != problem.Invalid && p.Kind != problem.Malformed {
			return answer{}, err
		}
		return v.answer(422), refuseFields(err, v.Wrong, "payload")
	}
	v.show(t)
	if t.Attempt != nil {
		sent := d.showAttempt(t.Attempt)
		v.Sent = &sent
		if r := t.Attempt.Response; r != nil {
			v.SentBody = showBody(r.Body, headerValue(r.Header, "Content-Type"), r.Truncated, r.BodyBytes)
		}
	}
	return v.answer(0), nil
}

// show tells what came of each stage.
func (v *tryView) show(t *connector.Trial) {
	asJSON := func(raw []byte) *body { return showBody(raw, "application/json", false, int64(len(raw))) }
	v.MaySend = v.Connection != nil && t.Request != nil
	all := []stage{
		{Name: "Payload", Class: "ok", Words: "This is what the connector receives from an audience or a journey.", Body: asJSON(t.Payload)},
		{Name: "Filter", Class: "ok", Words: "The profile is let through."},
		{Name: "Transform", Class: "ok", Words: "This is the profile's entry in the request."},
		{Name: "Request", Class: "ok", Words: "This is sent to the partner. Credentials are shown as ***."},
	}
	if t.Item != nil {
		all[2].Body = asJSON(t.Item)
		if bytes.Equal(t.Item, t.Payload) {
			all[2].Words, all[2].Body = "The payload stays as it is.", nil
		}
	}
	if r := t.Request; r != nil {
		all[3].Request = &triedRequest{r.Method, r.URL, r.Header, showBody(r.Body, headerValue(r.Header, "Content-Type"), false, int64(len(r.Body)))}
	}
	stopped := map[connector.Stage]int{connector.FilterStage: 1, connector.TransformStage: 2, connector.RequestStage: 3}[t.Stopped]
	if t.Skipped != "" && stopped > 0 {
		all[stopped].Class, all[stopped].Words = "bad", sentence(t.Skipped)
		for i := stopped + 1; i < len(all); i++ {
			all[i].Class, all[i].Words = "", "It did not come so far."
		}
	}
	v.Stages = all
}
