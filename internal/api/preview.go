package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

const (
	// maxPreviewed bounds the events of a preview.
	maxPreviewed = 50
	// defaultPreviewed is how many past events are tried when the caller names none.
	defaultPreviewed = 10
	// maxPreviewScan bounds the past events that are looked at to find those of the types a webhook asks for.
	maxPreviewScan = 1000
	// maxPreviewRequest bounds the request, in bytes: a script and some events.
	maxPreviewRequest = 4 << 20
	// maxShownBody bounds the shown part of a body, in bytes.
	maxShownBody = 64 << 10
)

// PreviewRequest names the settings to try, and the events to try them on.
type PreviewRequest struct {
	Filter    rest.Opt[filterText] `json:"filter" doc:"the filter to try; left out: the webhook's" example:"\"event.data.duration > 60\""`
	Transform rest.Opt[string]     `json:"transform" doc:"the transform to try; left out: the webhook's" maxLength:"65536"`
	Format    rest.Opt[string]     `json:"format" doc:"the format to try; left out: the webhook's" enum:"relay,push,cloudevents,cloudevents-binary,raw"`
	Last      rest.Opt[int]        `json:"last" min:"1" max:"50" default:"10" doc:"try the last so many events of the types that the webhook asks for, of the last 1000"`
	EventIDs  rest.Opt[[]string]   `json:"eventIds" maxItems:"50" doc:"try these past events"`
	Events    rest.Opt[rawEvents]  `json:"events" maxItems:"50" doc:"try these events, given as for publishing; they are not stored"`
}

// Room implements rest.Roomy.
func (*PreviewRequest) Room() (bytes int64, depth int) {
	return maxPreviewRequest, event.MaxDepth + 2 // the body and the array
}

// rawEvents are events as a publisher sends them.
type rawEvents []byte

// Decode implements rest.Custom.
func (e *rawEvents) Decode(v rawjson.Value) string {
	if v.Kind != rawjson.Array {
		return "must be an array, got " + v.Kind.String()
	}
	*e = v.Raw
	return ""
}

// Parse implements rest.Custom.
func (*rawEvents) Parse(string) string { return "" }

// Schema implements rest.Custom.
func (*rawEvents) Schema() *rest.Schema {
	return &rest.Schema{Type: "array", Items: &rest.Schema{Ref: "#/components/schemas/NewEvent"}}
}

// PreviewedEvent says what would become of an event.
type PreviewedEvent struct {
	EventID   *string       `json:"eventId" doc:"null for one that was given without an id" example:"\"evt_0dqv5r8k0000g\""`
	EventType string        `json:"eventType" example:"\"call.completed\""`
	Verdict   string        `json:"verdict" enum:"send,type,filter,filterError,drop,transformError,notTried" doc:"what would happen: it would be sent; the webhook does not ask for the type; the filter says no, or cannot be evaluated; the transform drops it, or fails; or time ran out before it was tried"`
	Detail    string        `json:"detail" doc:"the same in a sentence" example:"\"it would be sent\""`
	Error     *PreviewError `json:"error" doc:"of a filter or transform that fails"`
	Request   *Preview      `json:"request" doc:"the first attempt's request; null: none would be made"`
}

// PreviewError is why a filter or a transform failed.
type PreviewError struct {
	Kind    string `json:"kind" enum:"filter,transform"`
	Message string `json:"message" example:"\"transform failed (exception, line 2): TypeError: cannot read property 'id' of undefined\""`
	Line    *int   `json:"line" doc:"of the transform, where there is one to blame"`
}

// Preview is a request as it would be sent.
type Preview struct {
	Method    string            `json:"method" example:"\"POST\""`
	URL       string            `json:"url" example:"\"https://example.com/hook\""`
	Headers   map[string]string `json:"headers" doc:"with signatures and credentials masked"`
	Body      string            `json:"body" doc:"the first 64 KiB"`
	BodyBytes int               `json:"bodyBytes" doc:"the length of the whole body"`
	Truncated bool              `json:"truncated" doc:"the whole body is longer than body"`
}

var docWebhookPreview = rest.Doc{Pure: true, ID: "previewWebhook", Tag: "Webhooks", Summary: "Try a filter, transform or format",
	Text: "On past events (`last`, or `eventIds`) or given ones (`events`): which match, and the requests that would be made. No request is made, and no event is stored. " +
		"Takes 10 s at most; the events it did not get to are answered as `notTried`. The list is never paged."}

type previewInput struct {
	webhookPath
	Body PreviewRequest `body:"optional"`
}

func (a *API) webhookPreview(ctx context.Context, c *access.Principal, in *previewInput) (*rest.List[PreviewedEvent], error) {
	w, err := a.Webhooks.Get(c.Tenant, in.ID)
	if err != nil {
		return nil, err
	}
	draft, err := a.Webhooks.Draft(ctx, w, func(s *webhook.Settings) {
		def := webhook.Default()
		in.Body.Filter.Apply((*filterText)(&s.Filter), "")
		in.Body.Transform.Apply(&s.Transform, "")
		in.Body.Format.Apply(&s.Format, def.Format)
	})
	if err != nil {
		return nil, err
	}
	events, err := a.previewEvents(ctx, c, draft, &in.Body)
	if err != nil {
		return nil, err
	}
	list, err := a.Ledger.Preview(ctx, draft, events)
	if err != nil {
		return nil, err
	}
	data := make([]PreviewedEvent, len(list))
	for i := range list {
		data[i] = showPreviewed(&list[i])
		if in.Body.Events.Given && events[i].Name == "" {
			data[i].EventID = nil
		}
	}
	return rest.PageOf(data, ""), nil
}

// previewEvents returns the events that the caller wants to try.
func (a *API) previewEvents(ctx context.Context, c *access.Principal, w *webhook.Webhook, body *PreviewRequest) ([]*event.Event, error) {
	given := 0
	for _, is := range []bool{body.Last.Given, body.EventIDs.Given, body.Events.Given} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, problem.InvalidField("events", "excludes last and eventIds: give one of the three")
	case body.EventIDs.Given:
		return a.previewPast(ctx, c, body.EventIDs.Value)
	case body.Events.Given:
		return a.previewGiven(c, body.Events.Value)
	}
	n := defaultPreviewed
	body.Last.Apply(&n, n)
	if n < 1 || n > maxPreviewed {
		return nil, problem.InvalidField("last", "must be 1 to %d, got %d", maxPreviewed, n)
	}
	return a.previewLast(ctx, c, w, n)
}

// previewPast finds stored events. The answer for another tenant's event is that for none.
func (a *API) previewPast(ctx context.Context, c *access.Principal, ids []string) ([]*event.Event, error) {
	if len(ids) < 1 || len(ids) > maxPreviewed {
		return nil, problem.InvalidField("eventIds", "must have 1 to %d entries, got %d", maxPreviewed, len(ids))
	}
	events := make([]*event.Event, len(ids))
	size := 0
	for i, id := range ids {
		e, err := a.findEvent(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if size += e.Size(); size > rest.MaxPageBytes && i > 0 {
			return nil, problem.InvalidField("eventIds", "must name events of at most %d bytes in all", rest.MaxPageBytes)
		}
		events[i] = e
	}
	return events, nil
}

// previewGiven reads events that are not stored.
func (a *API) previewGiven(c *access.Principal, raw []byte) ([]*event.Event, error) {
	if raw == nil {
		return nil, problem.InvalidField("events", "must be an array of events")
	}
	limits := a.Limits
	limits.ArrayEvents = maxPreviewed
	items, err := ingest.ParseArray(c.Tenant, raw, limits, "", time.Now())
	if err != nil {
		return nil, within("events", err)
	}
	events := make([]*event.Event, len(items))
	for i := range items {
		events[i] = &items[i].Event
		events[i].ID = a.Engine.EventReserve()
	}
	return events, nil
}

// within names the fields of a problem as members of field.
func within(field string, err error) error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	moved := *p
	moved.Fields = nil
	for _, f := range p.Fields {
		f.Name = field + strings.TrimPrefix(f.Name, "body")
		moved.Fields = append(moved.Fields, f)
	}
	return &moved
}

// previewLast returns the last n events of the types that the webhook asks for, the newest first.
func (a *API) previewLast(ctx context.Context, c *access.Principal, w *webhook.Webhook, n int) ([]*event.Event, error) {
	var events []*event.Event
	var before event.ID
	size, rows := 0, rest.SliceRows
	for scanned := 0; scanned < maxPreviewScan && len(events) < n && size < rest.MaxPageBytes; {
		page, next, err := a.Events.EventList(ctx, ingest.Query{Tenant: c.Tenant, Before: before, Limit: rows})
		if err != nil {
			return nil, err
		}
		read := 0
		for _, e := range page {
			read += e.Size()
			if len(events) < n && size < rest.MaxPageBytes && w.Wants(e.Type) {
				size += e.Size()
				events = append(events, &e)
			}
		}
		scanned += len(page)
		if rows = rest.SliceRows; read < rest.MaxPageBytes/10 { // small rows: more may come at once
			rows = 10 * rest.SliceRows
		}
		if before = next; next == 0 {
			break
		}
	}
	return events, nil
}

func showPreviewed(p *ledger.Previewed) PreviewedEvent {
	id := p.Event.PublicID()
	v := PreviewedEvent{EventID: &id, EventType: p.Event.Type, Verdict: string(p.Verdict), Detail: p.Detail}
	switch p.Verdict {
	case ledger.PreviewFilterError:
		v.Error = &PreviewError{Kind: "filter", Message: p.Detail}
	case ledger.PreviewTransformError:
		v.Error = &PreviewError{Kind: "transform", Message: p.Detail}
		if p.Line > 0 {
			v.Error.Line = &p.Line
		}
	}
	if r := p.Request; r != nil {
		body := r.Body[:min(len(r.Body), maxShownBody)]
		v.Request = &Preview{
			Method: r.Method, URL: r.URL, Headers: showHeaders(r.Header), Body: strings.ToValidUTF8(string(body), "\uFFFD"),
			BodyBytes: len(r.Body), Truncated: len(body) < len(r.Body),
		}
	}
	return v
}
