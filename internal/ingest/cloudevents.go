package ingest

import (
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/malformed"
	"github.com/relay-events/relay/internal/problem"
)

// This file reads CloudEvents 1.0 (https://github.com/cloudevents/spec, v1.0.2), in the JSON format
// and the HTTP protocol binding. It is the reverse of format/cloudevents.go:
//
//	source and id      the event's own id, together; see event.CloudName
//	type, time         the event's type and time
//	data               the data, which must be JSON; null if it is absent
//	partitionkey       the ordering key
//	dataversion        the version of the data's shape
//	source, subject, dataschema and all other extensions become attributes.

// ParseCloudEvent reads a CloudEvent in structured mode, as ParseObject reads an event.
func ParseCloudEvent(tenant event.TenantID, raw []byte, l Limits, now time.Time) (Item, error) {
	if len(raw) > l.EventBytes {
		return Item{}, tooLarge("the event", len(raw), l.EventBytes)
	}
	s := scanners.Get().(*rawjson.Scanner)
	defer putScanner(s)
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth})
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l}
	return p.object((*parser).cloudEvent)
}

// ParseCloudEvents reads a batch of CloudEvents, as ParseArray reads an array.
func ParseCloudEvents(tenant event.TenantID, raw []byte, l Limits, now time.Time) ([]Item, error) {
	if len(raw) > l.ArrayBytes {
		return nil, tooLarge("the batch", len(raw), l.ArrayBytes)
	}
	s := scanners.Get().(*rawjson.Scanner)
	defer putScanner(s)
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth + 1})
	p := parser{s: s, raw: raw, tenant: tenant, now: now, limits: l, inArray: true}
	return p.array((*parser).cloudEvent)
}

// cloudPrefix begins the headers of binary mode, in their canonical form.
const cloudPrefix = "Ce-"

// IsBinaryCloudEvent reports whether a request is a CloudEvent in binary mode.
func IsBinaryCloudEvent(h http.Header) bool { return len(h[cloudPrefix+"Specversion"]) > 0 }

// ParseBinaryCloudEvent reads a CloudEvent in binary mode: attributes in the header, data in the
// body. The errors' field names are those of attributes.
func ParseBinaryCloudEvent(tenant event.TenantID, h http.Header, body []byte, l Limits, now time.Time) (Item, error) {
	p := parser{tenant: tenant, now: now, limits: l}
	c := cloudEvent{p: &p}
	if t := h.Get("Content-Type"); t != "" {
		c.contentType(t)
	}
	if len(body) > 0 && !p.failed() {
		if err := rawjson.Check(body, rawjson.Limits{Depth: event.MaxDepth}); err != nil {
			return Item{}, malformed.JSON(body, err)
		}
		c.data = body
	}
	var names []string
	for name := range h {
		if strings.HasPrefix(name, cloudPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // the digest of the event must not depend on the order
	size := len(body)
	for _, header := range names {
		name := strings.ToLower(strings.TrimPrefix(header, cloudPrefix))
		if len(h[header]) != 1 {
			p.fail(name, "is given more than once")
			continue
		}
		text, err := url.PathUnescape(h[header][0])
		if err != nil {
			p.fail(name, "is not percent-encoded as the HTTP binding asks: %v", err)
			continue
		}
		if c.text(name, text) {
			c.attribute(name, text, rawjson.AppendQuoted(nil, text))
		}
		size += len(name) + len(text)
	}
	if size > l.EventBytes {
		p.large = tooLarge("the event", size, l.EventBytes)
	}
	it := c.item()
	return it, p.err()
}

// cloudEvent collects what a CloudEvent says.
type cloudEvent struct {
	p          *parser
	it         Item
	source, id string
	version    bool // specversion is given
	data       []byte
	attributes []byte // a JSON object without its end
}

// cloudEvent reads the value at the scanner, as event does.
func (p *parser) cloudEvent() Item {
	s := p.s
	if s.Kind() != rawjson.Object {
		kind := s.Kind()
		s.Value()
		name := ""
		if !p.inArray {
			name = "body"
		}
		p.fail(name, "must be a CloudEvent, which is an object, got %s", kind)
		return Item{}
	}
	start := s.Offset()
	c := cloudEvent{p: p}
	s.Enter()
	for s.Next() {
		name := string(s.Name())
		v := s.Value()
		switch {
		case v.Kind == rawjson.Invalid: // reported by End
		case v.Kind == rawjson.Null: // as if it were absent
		case name == "data" && c.data == nil:
			c.data = v.Raw
		case name == "data", name == "data_base64" && c.data != nil:
			p.fail(name, "excludes the other of data and data_base64")
		case name == "data_base64":
			c.base64(v)
		case v.Kind == rawjson.String:
			if text, err := v.String(); err != nil {
				p.fail(name, "must be a text")
			} else if c.text(name, text) {
				c.attribute(name, text, v.Raw)
			}
		case slices.Contains(cloudTexts, name):
			p.fail(name, "must be a string, got %s", v.Kind)
		case v.Kind == rawjson.Object || v.Kind == rawjson.Array:
			p.fail(clip([]byte(name)), "must be a string, a number or a boolean, got %s", v.Kind)
		default:
			c.attribute(name, "", v.Raw)
		}
	}
	if s.Err() != nil {
		return Item{} // reported by End
	}
	if size := s.Offset() - start; size > p.limits.EventBytes {
		p.large = tooLarge("event "+p.field(""), size, p.limits.EventBytes)
	}
	return c.item()
}

// cloudTexts are the attributes that are texts.
var cloudTexts = []string{"specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype", "partitionkey", "dataversion"}

func (c *cloudEvent) base64(v rawjson.Value) {
	text, err := v.String()
	if err == nil {
		c.data, err = base64.StdEncoding.DecodeString(text)
	}
	if err == nil {
		err = rawjson.Check(c.data, rawjson.Limits{Depth: event.MaxDepth})
	}
	if err != nil {
		c.p.fail("data_base64", "must be the base64 of a JSON document: the data of Relay's events are JSON")
	}
}

// text reports whether an attribute's text may be one.
func (c *cloudEvent) text(name, text string) bool {
	if text == "" {
		c.p.fail(clip([]byte(name)), "must not be empty")
		return false
	}
	if err := event.CheckText(text); err != nil {
		c.p.fail(clip([]byte(name)), "%v", err)
		return false
	}
	return true
}

func (c *cloudEvent) contentType(text string) {
	t, _, err := mime.ParseMediaType(text)
	if err != nil || t != "application/json" && t != "text/json" && !strings.HasSuffix(t, "+json") {
		c.p.fail("datacontenttype", "must be JSON, as application/json: the data of Relay's events are JSON")
	}
}

// attribute takes an attribute: its text, "" unless it is one, and its JSON.
func (c *cloudEvent) attribute(name, text string, raw []byte) {
	p, e := c.p, &c.it.Event
	most := func(n int) bool {
		if len(text) > n {
			p.fail(name, "must have at most %d bytes, got %d", n, len(text))
		}
		return len(text) <= n
	}
	switch name {
	case "specversion":
		c.version = true
		if text != "1.0" {
			p.fail(name, "must be 1.0: other versions are not supported")
		}
	case "id":
		c.id = text
	case "type":
		e.Type = text
		p.check(name, event.CheckType(text))
	case "time":
		var err error
		e.Time, err = event.ParseTime(text)
		p.check(name, err)
	case "datacontenttype":
		c.contentType(text)
	case "partitionkey":
		if most(event.MaxKeyBytes) {
			e.Key = text
		}
	case "dataversion":
		if most(event.MaxVersionBytes) {
			e.Version = text
		}
	default:
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || name == "" {
			p.fail(clip([]byte(name)), "is not the name of a CloudEvents attribute: lower-case letters and digits")
			return
		}
		if name == "source" {
			c.source = text
		}
		separator := byte(',')
		if c.attributes == nil {
			separator = '{'
		}
		c.attributes = rawjson.AppendQuoted(append(c.attributes, separator), name)
		c.attributes = append(append(c.attributes, ':'), raw...)
	}
}

// item returns the event, once all of it was taken.
func (c *cloudEvent) item() Item {
	p, e := c.p, &c.it.Event
	e.Tenant = p.tenant
	for _, must := range []struct {
		name  string
		given bool
	}{{"specversion", c.version}, {"id", c.id != ""}, {"source", c.source != ""}, {"type", e.Type != ""}} {
		if !must.given && !slices.ContainsFunc(p.wrong, func(f problem.Field) bool { return f.Name == p.field(must.name) }) {
			p.fail(must.name, "must be given")
		}
	}
	if c.attributes != nil {
		c.attributes = append(c.attributes, '}')
	}
	if n := len(c.attributes); n > event.MaxAttributeBytes {
		p.fail("", "must have at most %d bytes of attributes, got %d", event.MaxAttributeBytes, n)
	}
	if e.Name = event.CloudName(c.source, c.id); len(e.Name) > event.MaxNameBytes {
		p.fail("id", "is too long: with a mark for its source, and percent-encoded, it must have at most %d bytes", event.MaxNameBytes)
	}
	if p.failed() {
		return c.it
	}
	data := c.data
	if data == nil {
		data = []byte("null")
	}
	p.complete(&c.it, data, c.attributes)
	return c.it
}
