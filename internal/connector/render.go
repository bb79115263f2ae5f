package connector

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/definition"
)

// Account is a connection as a definition reads it.
type Account struct {
	Fields  map[string]string // that are no secrets
	Secrets map[string]string
}

// Profile is one profile of a request.
type Profile struct {
	Payload   Payload
	Operation Operation
	// Test marks a profile that definitions in testing may send.
	Test bool
	// SendID is the same in each attempt: the partner's idempotency key is made of it.
	SendID string
}

// entry is a profile's part of a request.
type entry struct {
	profile *Profile
	payload []byte // as JSON
	values  *values
	item    []byte // rendered
	group   string // profiles of different groups do not share a request
}

// skipped says why a profile is not sent; it is no failure.
type skipped string

func (s skipped) Error() string { return string(s) }

// unaddressable says that a profile has no identifier that the partner knows it by.
const unaddressable = skipped("the profile has none of the identifiers that the connector needs")

// notTested says that the definition is not live yet.
const notTested = skipped("the connector is in testing, and this is no test profile")

// filtered says that the definition's filter was false.
const filtered = skipped("the connector's filter leaves the profile out")

// scopeOf returns the values that do not depend on a profile.
func (d *Definition) scopeOf(a *Account, hide bool) *values {
	v := newValues()
	v.secrets, v.hide = a.Secrets, hide
	fields := make(map[string]any, len(d.Fields))
	for i := range d.Fields {
		f := &d.Fields[i]
		value, ok := a.Fields[f.Name]
		if f.Secret || !ok {
			continue
		}
		fields[f.Name] = value
		switch f.Type {
		case "number":
			if x, err := v.decode([]byte(value)); err == nil {
				fields[f.Name] = x
			}
		case "boolean":
			fields[f.Name] = value == "true"
		}
	}
	v.vars["connection"] = fields
	return v
}

// prepare reads a profile, filters it and makes its item. The error is a skipped, or says why it cannot be made; of a
// profile that is to leave, neither filter nor identifiers are asked for more than the item needs.
func (d *Definition) prepare(a *Account, p *Profile, item func([]byte) ([]byte, error)) (*entry, error) {
	if n := d.Identifiers.Max; n > 0 && len(p.Payload.PartnerIDs) > n {
		p.Payload.PartnerIDs = p.Payload.PartnerIDs[:n]
	}
	e := &entry{profile: p, payload: p.Payload.Append(nil), values: d.scopeOf(a, false)}
	if err := e.values.set("payload", e.payload); err != nil {
		return nil, err
	}
	variables := e.values.vars["payload"].(map[string]any)["audienceVariables"]
	e.values.vars["profile"] = map[string]any{"id": p.Payload.ProfileID, "sourceId": p.Payload.SourceID, "variables": variables}
	e.values.vars["segment"] = map[string]any{"id": p.Payload.AudienceID}
	e.values.vars["operation"] = string(p.Operation)
	e.values.vars["send"] = map[string]any{"id": p.SendID}
	if !d.addressable(&p.Payload, variables) {
		return nil, unaddressable
	}
	if d.filter != nil && p.Operation != Leave && p.Operation != Forget && !d.filter.holds(e.values) {
		return nil, filtered
	}
	if d.ExternalID.Use == ExternalIDRequired && p.Payload.AudienceID == "" {
		return nil, errors.New("externalId " + d.CheckExternalID(""))
	}
	var err error
	switch {
	case d.item != nil:
		e.item, err = d.item.append(nil, e.values)
	case d.transform != "" && item != nil:
		e.item, err = item(e.payload)
	default:
		e.item = e.payload
	}
	if errors.Is(err, definition.ErrAbsent) {
		err = skipped("the profile has no value for the connector's item")
	}
	if err != nil {
		return nil, err
	}
	e.group = string(p.Operation) + "\x00" + p.Payload.AudienceID
	if d.groupBy != nil {
		by, err := d.groupBy.value(e.values)
		if err == nil {
			var text string
			text, err = textOf(e.values, by)
			e.group += "\x00" + text
		}
		if err != nil && !errors.Is(err, definition.ErrAbsent) {
			return nil, err
		}
	}
	return e, nil
}

// addressable reports whether the partner can know the profile by its identifiers.
func (d *Definition) addressable(p *Payload, variables any) bool {
	if !d.Identifiers.Required {
		return true
	}
	vars, _ := variables.(map[string]any)
	return slices.ContainsFunc(d.Identifiers.AnyOf, func(name string) bool {
		if name == "partnerIds" {
			return len(p.PartnerIDs) > 0
		}
		value, ok := vars[strings.TrimPrefix(name, "variables.")]
		return ok && value != nil && value != ""
	})
}

// Request is a request as it is made, or shown.
type Request struct {
	Method string
	URL    string
	Header []Header
	Body   []byte // nil: there is none
}

// Header is a field of a request.
type Header struct{ Name, Value string }

// ContentType returns the type of the body.
func (r *Request) contentType() string {
	for _, h := range r.Header {
		if strings.EqualFold(h.Name, "Content-Type") {
			return h.Value
		}
	}
	return ""
}

// headerOperation tells what has happened to the profile, where the payload goes out as it is: it has no member for that.
const (
	headerOperation = "X-Relay-Operation"
	headerDelivery  = "X-Relay-Delivery"
)

// build makes the request of entries of one group. With hide, secrets are shown as ***.
func (d *Definition) build(a *Account, entries []*entry, groupID string, hide bool) (*Request, error) {
	first := entries[0]
	r := d.requestFor(first.profile.Operation)
	if r == nil {
		return nil, skipped(fmt.Sprintf("the connector has no request for the operation %q", first.profile.Operation))
	}
	v := *first.values
	v.hide = hide
	v.vars["group"] = map[string]any{"id": groupID}
	v.items = make([][]byte, len(entries))
	for i, e := range entries {
		v.items[i] = e.item
	}
	v.vars["items"] = func() any {
		list := make([]any, len(v.items))
		for i, item := range v.items {
			x, err := v.decode(item)
			if err != nil {
				return nil
			}
			list[i] = x
		}
		return list
	}
	out, err := r.make(&v)
	if err != nil {
		return nil, err
	}
	if r.asIs {
		out.Body = first.item
		if d.Aggregate != nil {
			out.Body = (&tree{kind: treeText, leaf: itemsTemplate}).mustAppend(&v)
		}
		// Their values are an operation and an id: nothing of a profile.
		out.Header = append(out.Header, Header{headerOperation, string(first.profile.Operation)}, Header{headerDelivery, groupID})
		if out.contentType() == "" {
			out.Header = append([]Header{{"Content-Type", "application/json"}}, out.Header...)
		}
	}
	return out, nil
}

var itemsTemplate = &template{parts: []part{{whole: "items", expr: &expression{&definition.Expression{Text: "items"}}}}}

// mustAppend appends the items, which cannot fail.
func (t *tree) mustAppend(v *values) []byte {
	out, _ := t.append(nil, v)
	return out
}

// make makes a request of its description.
func (r *request) make(v *values) (*Request, error) {
	out := &Request{Method: r.method}
	var err error
	if out.URL, err = r.address(v); err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	for _, h := range r.headers {
		value, err := h.value.text(v, nil)
		if err != nil {
			return nil, fmt.Errorf("headers.%s: %w", h.name, err)
		}
		if value != "" {
			out.Header = append(out.Header, Header{h.name, value})
		}
	}
	contentType := ""
	switch {
	case r.body != nil:
		contentType = "application/json"
		if out.Body, err = r.body.append(nil, v); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	case r.form != nil:
		contentType = "application/x-www-form-urlencoded"
		text, err := encode(r.form, v)
		if err != nil {
			return nil, fmt.Errorf("form: %w", err)
		}
		out.Body = []byte(text)
	}
	if contentType != "" && out.contentType() == "" {
		out.Header = append([]Header{{"Content-Type", contentType}}, out.Header...)
	}
	return out, nil
}

// encode returns names and values as a form, without empty values.
func encode(list []field, v *values) (string, error) {
	var b strings.Builder
	for _, f := range list {
		value, err := f.value.text(v, nil)
		if err != nil {
			return "", fmt.Errorf("%s: %w", f.name, err)
		}
		if value == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(f.name) + "=" + url.QueryEscape(value))
	}
	return b.String(), nil
}

// address returns the URL. Values of expressions are percent-encoded, and cannot become another host, another level
// of the path or another parameter; only a field of the connection at the beginning stands as it is.
func (r *request) address(v *values) (string, error) {
	var b strings.Builder
	for i := range r.url.parts {
		p := &r.url.parts[i]
		s, err := p.text(v)
		if err != nil {
			return "", err
		}
		before := b.String()
		switch {
		case p.literal != "" || i == 0:
			if p.secret != "" && v.hide {
				s = hideURL(v.secrets[p.secret])
			}
		case p.secret != "" && v.hide:
		case !strings.Contains(strings.TrimPrefix(before, "https://"), "/"): // of the host, by a connection field
			if strings.ContainsAny(s, "/?#@:\\%") {
				return "", fmt.Errorf("%q cannot be part of a host", definition.Clip(s))
			}
		case strings.Contains(before, "?"):
			s = url.QueryEscape(s)
		default:
			if s = url.PathEscape(s); strings.Trim(s, ".") == "" && s != "" && strings.HasSuffix(before, "/") {
				return "", fmt.Errorf("%q cannot be a level of the path", s)
			}
		}
		b.WriteString(s)
	}
	address := b.String()
	query, err := encode(r.query, v)
	if err != nil || query == "" {
		return address, err
	}
	if strings.Contains(address, "?") {
		return address + "&" + query, nil
	}
	return address + "?" + query, nil
}

// hideURL shows of a secret address where it leads to.
func hideURL(secret string) string {
	scheme, rest, ok := strings.Cut(secret, "://")
	if !ok {
		return masked
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	return scheme + "://" + host + "/" + masked
}

// allowed returns the hosts that requests may go to; nil: the one that the connection's own address names.
func (d *Definition) allowed(a *Account) ([]string, error) {
	v := d.scopeOf(a, false)
	var list []string
	for _, h := range d.hosts {
		text, err := h.text(v, nil)
		if err != nil {
			return nil, fmt.Errorf("hosts: %w", err)
		}
		list = append(list, strings.ToLower(text))
	}
	return list, nil
}
