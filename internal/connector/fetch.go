package connector

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// accountCall bounds one request that somebody waits for.
const accountCall = 15 * time.Second

// ask makes a request of an account, outside of any delivery.
func (c *Connectors) ask(ctx context.Context, d *Definition, a *Account, r *Request) (*exchange.Response, error) {
	settings, err := d.authSettings(a)
	if err != nil {
		return nil, err
	}
	who, err := auth.New(settings, c.o.Client)
	if err != nil {
		return nil, err
	}
	defer who.Close()
	res, _, fail, err := c.call(ctx, d, a, who, r, accountCall, 0)
	switch {
	case err != nil:
		return nil, err
	case fail != nil:
		return nil, errors.New(fail.Message)
	}
	return res, nil
}

// checkAccount asks the partner whether it accepts a connection's credentials.
func (c *Connectors) checkAccount(ctx context.Context, d *Definition, v *Connection) error {
	a := v.account()
	r, err := d.check.make(d.scopeOf(a, false))
	var res *exchange.Response
	if err == nil {
		res, err = c.ask(ctx, d, a, r)
	}
	if err != nil {
		return problem.InvalidField("fields", "cannot be checked with %s: %v", d.Name, err)
	}
	blank := &entry{profile: &Profile{}, values: newValues()}
	if j := d.judge(a, []*entry{blank}, answerOf(res), time.Now()); j.Verdict != Delivered && d.results == nil || res.Status > 299 {
		if j.Words == "" {
			j.Words = fmt.Sprintf("the partner answered %d %s", res.Status, http.StatusText(res.Status))
		}
		return problem.InvalidField("fields", "are not accepted by %s: %s", d.Name, j.Words)
	}
	return nil
}

// CheckConnection asks the partner whether it accepts the connection's credentials.
func (c *Connectors) CheckConnection(ctx context.Context, tenant event.TenantID, id string) error {
	it, err := c.connections.Get(tenant, id)
	if err != nil {
		return err
	}
	e, err := c.DefinitionOf(tenant, &it.Value)
	if err != nil {
		return err
	}
	if e.check == nil {
		return problem.New(problem.Conflict, "the connector %s has no check", e.Name)
	}
	return c.checkAccount(ctx, e.Definition, &it.Value)
}

// Segment is a list at a partner.
type Segment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// SegmentList is a partner's lists as last fetched.
type SegmentList struct {
	Segments  []Segment
	FetchedAt time.Time
	// Problem says why the last attempt to fetch them failed, or why the list is not whole; empty: neither.
	Problem string
}

// Bounds of a list of segments.
const (
	maxPages    = 1000
	maxSegments = 100_000
	fetchTime   = time.Minute
)

// lists keeps fetched lists. It is safe for concurrent use.
type lists struct {
	mu   sync.Mutex
	held map[listKey]*heldList
}

type listKey struct {
	tenant     event.TenantID
	connection string
}

type heldList struct {
	mu   sync.Mutex // held while the list is fetched: others wait for it
	list SegmentList
}

func (l *lists) get(k listKey) *heldList {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = make(map[listKey]*heldList)
	}
	if l.held[k] == nil {
		l.held[k] = &heldList{}
	}
	return l.held[k]
}

func (l *lists) forget(tenant event.TenantID, connection string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, listKey{tenant, connection})
}

// Segments returns the partner's lists whose name or id has the text in it. They are fetched when they are older than the
// definition allows, or with fresh; where that fails, the last list stays, with the partner's words.
func (c *Connectors) Segments(ctx context.Context, tenant event.TenantID, id, search string, fresh bool) (SegmentList, error) {
	it, err := c.connections.Get(tenant, id)
	if err != nil {
		return SegmentList{}, err
	}
	e, err := c.DefinitionOf(tenant, &it.Value)
	if err != nil {
		return SegmentList{}, err
	}
	if e.segments == nil {
		return SegmentList{}, problem.New(problem.Conflict, "the connector %s lists no segments: enter the External ID", e.Name)
	}
	h := c.lists.get(listKey{tenant, id})
	h.mu.Lock()
	defer h.mu.Unlock()
	if fresh || time.Since(h.list.FetchedAt) > e.segments.ttl {
		limited, cancel := context.WithTimeout(ctx, fetchTime)
		list, err := c.fetch(limited, e.Definition, it.Value.account())
		cancel()
		switch {
		case err == nil:
			h.list = SegmentList{Segments: list, FetchedAt: time.Now().UTC().Truncate(time.Millisecond)}
		case len(list) > len(h.list.Segments):
			h.list = SegmentList{Segments: list, FetchedAt: time.Now().UTC().Truncate(time.Millisecond), Problem: "the list is not whole: " + err.Error()}
		default:
			h.list.Problem = err.Error()
		}
	}
	out := h.list
	search = strings.ToLower(search)
	out.Segments = slices.DeleteFunc(slices.Clone(out.Segments), func(s Segment) bool {
		return !strings.Contains(strings.ToLower(s.Name), search) && !strings.Contains(strings.ToLower(s.ID), search)
	})
	return out, nil
}

// fetch reads all pages of a partner's lists. With an error it returns what had come.
func (c *Connectors) fetch(ctx context.Context, d *Definition, a *Account) (list []Segment, err error) {
	s := d.segments
	first, err := s.request.make(d.scopeOf(a, false))
	if err != nil {
		return nil, err
	}
	next := *first
	seen := make(map[string]bool)
	position := s.page.first
	if s.page.by == "offset" || s.page.by == "page" {
		next.URL = setQuery(first.URL, s.page.query, strconv.FormatInt(position, 10))
	}
	for page := 1; ; page++ {
		if page > maxPages {
			return list, fmt.Errorf("it has more than %d pages", maxPages)
		}
		res, err := c.ask(ctx, d, a, &next)
		if err != nil {
			return list, err
		}
		if res.Status < 200 || res.Status > 299 {
			return list, fmt.Errorf("the partner answered %d %s", res.Status, http.StatusText(res.Status))
		}
		v := newValues()
		v.vars["status"] = int64(res.Status)
		if res.Truncated || v.set("body", res.Body) != nil {
			return list, errors.New("the partner's answer is no JSON, or longer than 64 KiB: ask for smaller pages")
		}
		got, err := s.read(v)
		if err != nil {
			return list, err
		}
		if list = append(list, got...); len(list) > maxSegments {
			return list[:maxSegments], fmt.Errorf("it has more than %d entries", maxSegments)
		}
		cursor := ""
		switch s.page.by {
		case "cursor", "nextUrl":
			out, err := s.page.from.value(v)
			if err != nil && !errors.Is(err, definition.ErrAbsent) {
				return list, err
			}
			if err == nil {
				if cursor, err = textOf(v, out); err != nil {
					return list, err
				}
			}
		case "offset", "page": // a page may be short without being the last: an empty one is
			if len(got) > 0 {
				step := int64(1)
				if s.page.by == "offset" {
					if step = s.page.size; step == 0 {
						step = int64(len(got))
					}
				}
				position += step
				cursor = strconv.FormatInt(position, 10)
			}
		}
		if cursor == "" {
			return list, nil
		}
		if seen[cursor] {
			return list, fmt.Errorf("the partner gave the same next page twice")
		}
		seen[cursor] = true
		if next.URL = setQuery(first.URL, s.page.query, cursor); s.page.by == "nextUrl" {
			next.URL = cursor
			if originOf(cursor) != originOf(first.URL) {
				return list, fmt.Errorf("the next page is at another host")
			}
		}
	}
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// setQuery sets a parameter of an address, and leaves the others in place.
func setQuery(address, name, value string) string {
	path, query, _ := strings.Cut(address, "?")
	parts := slices.DeleteFunc(strings.Split(query, "&"), func(s string) bool {
		key, _, _ := strings.Cut(s, "=")
		return s == "" || key == url.QueryEscape(name)
	})
	return path + "?" + strings.Join(append(parts, url.QueryEscape(name)+"="+url.QueryEscape(value)), "&")
}

// read returns the segments of a page.
func (s *segments) read(v *values) (list []Segment, err error) {
	out, err := s.items.value(v)
	if errors.Is(err, definition.ErrAbsent) {
		return nil, errors.New("the partner's answer has no list where the definition says")
	}
	if err != nil {
		return nil, err
	}
	all, ok := out.(traits.Lister)
	if !ok {
		return nil, fmt.Errorf("the definition's items are a %s, and no list", out.Type().TypeName())
	}
	for it := all.Iterator(); it.HasNext() == types.True; {
		v.vars["it"] = it.Next()
		var x Segment
		if x.ID, err = s.id.text(v, nil); err != nil {
			return nil, err
		}
		if x.Name, err = s.name.text(v, nil); err != nil {
			return nil, err
		}
		if x.ID != "" {
			list = append(list, x)
		}
	}
	return list, nil
}

// Trial is the way of a payload through a definition, stage by stage, without sending it.
type Trial struct {
	Payload []byte
	// Skipped says why nothing would be sent, and Stopped at which stage; empty: it would.
	Skipped string
	Stopped Stage
	Item    []byte            // after filter and transform; nil: it did not come so far
	Request *exchange.Request // nil: likewise
	// Attempt is the result of sending it; nil: it was not sent.
	Attempt *delivery.Attempt
}

// Stage is a part of a payload's way through a definition.
type Stage string

// The stages behind the payload.
const (
	FilterStage    Stage = "filter"    // its filter, and what it needs to address a profile
	TransformStage Stage = "transform" // the profile's item
	RequestStage   Stage = "request"
)

// Try shows the request that a definition makes of a payload. id is the connection whose fields it reads; empty: examples are taken.
// With send it is sent to the partner, by the connection.
func (c *Connectors) Try(ctx context.Context, p *access.Principal, e Entry, id string, payload []byte, op Operation, send bool) (*Trial, error) {
	parsed, err := ParsePayload(payload)
	if err != nil {
		return nil, problem.InvalidField("payload", "cannot be read: %v", err)
	}
	if op == "" {
		op = Enter
	}
	account := e.example(nil)
	var it *ConnectionItem
	if id != "" {
		if it, err = c.connections.Get(p.Tenant, id); err != nil {
			return nil, err
		}
		if it.Value.Connector != e.Connector {
			return nil, problem.InvalidField("connection", "is one of the connector %s", it.Value.Connector)
		}
		account = it.Value.account()
		if parsed.PartnerNumber == 0 {
			parsed.PartnerNumber = c.PartnerNumberOf(e.Definition, &it.Value)
		}
		if parsed.SiteNumber == 0 {
			parsed.SiteNumber = it.Value.SiteNumber
		}
	}
	if len(e.Faults) > 0 {
		return nil, e.Faults.Problem()
	}
	t := &Trial{Payload: parsed.Append(nil)}
	made, err := e.prepare(account, &Profile{Payload: parsed, Operation: op, SendID: "snd_try"}, func(payload []byte) ([]byte, error) {
		return c.runScript(ctx, p.Tenant, e.transform, payload)
	})
	if err == nil {
		t.Item = made.item
		var r *Request
		if r, err = e.build(account, []*entry{made}, "grp_try", true); err == nil {
			shown := e.show(r)
			t.Request = &shown
		}
	}
	if err != nil {
		t.Skipped = err.Error()
		switch {
		case made != nil:
			t.Stopped = RequestStage
		case errors.Is(err, filtered), errors.Is(err, unaddressable), e.ExternalID.Use == ExternalIDRequired && parsed.AudienceID == "":
			t.Stopped = FilterStage
		default:
			t.Stopped = TransformStage
		}
		return t, nil
	}
	if !send {
		return t, nil
	}
	if it == nil {
		return nil, problem.InvalidField("connection", "must be given to send it")
	}
	if own, err := c.DefinitionOf(p.Tenant, &it.Value); err != nil || own.Version != e.Version {
		return nil, problem.InvalidField("connection", "uses another version of the connector")
	}
	w, err := c.Webhook(ctx, it)
	if err != nil {
		return nil, err
	}
	data := append([]byte(`{"operation":`), appendText(nil, string(op))...)
	data = append(append(data, `,"test":`...), t.Payload...)
	t.Attempt, err = c.engine.Test(ctx, w, event.Event{Tenant: p.Tenant, Type: eventType(id), Data: append(data, '}')})
	return t, err
}
