package connector

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/egress"
)

// isSlug is what connectors are called in addresses, and isVersion what their versions look like.
var (
	isSlug    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	isVersion = regexp.MustCompile(`^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$`)
	isField   = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{0,62}$`)
)

var rootKeys = []string{
	"$schema", // for editors
	"connector", "version", "kind", "name", "logo", "description", "docs", "partnerNumber", "categories", "request", "hosts", "connection", "auth",
	"check", "externalId", "identifiers", "segments", "filter", "item", "transform", "aggregate", "add", "update", "remove", "message", "forget",
	"answers", "results", "limits", "tests", "plan", "checkedAgainst",
}

func (p *parser) definition(n *yaml.Node, d *Definition) {
	o := p.Object(n, "", rootKeys...)
	if d.Connector = p.text(o, "connector", 100); !isSlug.MatchString(d.Connector) {
		p.Add(o.Node, "connector", "must be 1 to 63 of the characters a-z, 0-9 and -, got %q", definition.Clip(d.Connector))
	}
	if d.Version = p.text(o, "version", 100); !isVersion.MatchString(d.Version) {
		p.Add(o.Node, "version", `must be three numbers, such as "1.0.0", got %q`, definition.Clip(d.Version))
	}
	d.Kind = Kind(p.oneOf(o, "kind", "", string(List), string(Message)))
	if d.Kind == "" {
		p.missing(o.Node, "kind", "must be given: %q, or %q", List, Message)
	}
	if d.Name = p.text(o, "name", 100); d.Name == "" {
		p.missing(o.Node, "name", "must be given")
	}
	p.text(o, "$schema", 1000)
	d.Logo, d.Description, d.Docs = p.text(o, "logo", 1000), p.text(o, "description", 10_000), p.text(o, "docs", 1000)
	d.CheckedAgainst = p.text(o, "checkedAgainst", 500)
	d.PartnerNumber = p.integer(o, "partnerNumber", 0, 1<<53)
	d.Categories, d.Plan = p.texts(o, "categories", 20), p.texts(o, "plan", 50)
	p.ticket(o, d)
	p.fields(o, d)
	p.authentication(o, d)
	for i := range d.Fields {
		if d.Fields[i].Secret {
			d.secretFieldList = append(d.secretFieldList, d.Fields[i].Name)
		}
	}
	p.list(o, "hosts", 20, func(n *yaml.Node, path string) { d.hosts = append(d.hosts, p.template(n, path, scopeConnection, nil)) })
	d.check = p.request(o, "check", d, scopeConnection)
	p.externalID(o, d)
	p.identifiers(o, d)
	p.segments(o, d)
	d.filter = p.expression(o.Get["filter"], "filter", scopeItem)
	d.item = p.tree(o.Get["item"], "item", scopeItem, nil, 0)
	if d.transform = p.text(o, "transform", 64<<10); d.transform != "" && d.item != nil {
		p.Add(o.Get["transform"], "transform", "excludes item: one of them makes a profile's entry")
	}
	p.aggregate(o, d)
	for _, name := range []string{requestAdd, requestUpdate, requestRemove, requestMessage, requestForget} {
		if r := p.request(o, name, d, scopeRequest); r != nil {
			d.requests[name] = r
		}
	}
	p.requestsOf(o, d)
	p.answers(o, d)
	p.limits(o, d)
	p.tests(o, d)
}

func (p *parser) ticket(o *definition.Object, d *Definition) {
	n := o.Get["request"]
	if n == nil {
		return
	}
	t := p.Object(n, "request", "apiDocs", "contact", "useCase", "dueDate")
	d.Request = Ticket{p.text(t, "apiDocs", 2000), p.text(t, "contact", 1000), p.text(t, "useCase", 10_000), p.text(t, "dueDate", 100)}
	if due := d.Request.DueDate; due != "" {
		if _, err := time.Parse(time.DateOnly, due); err != nil {
			p.Add(t.Get["dueDate"], t.At("dueDate"), "must be a date such as 2027-02-01")
		}
	}
}

func (p *parser) fields(o *definition.Object, d *Definition) {
	n := o.Get["connection"]
	if n == nil {
		return
	}
	all := p.Object(n, "connection")
	for _, name := range all.Names {
		p.field(all.Get[name], all.At(name), name, false, d)
	}
}

// field reads a field of the connection.
func (p *parser) field(n *yaml.Node, path, name string, secret bool, d *Definition) {
	o := p.Object(n, path, "title", "help", "type", "secret", "optional", "enum", "default", "example", "pattern")
	switch {
	case !isField.MatchString(name):
		p.Add(n, path, "must be a name of letters, digits and _")
	case d.fieldNamed(name) != nil:
		p.Add(n, path, "is a field already")
	case len(d.Fields) >= maxFields:
		p.Add(n, path, "is one too many: there can be %d fields", maxFields)
	}
	f := Field{
		Name: name, Title: p.text(o, "title", 200), Help: p.text(o, "help", 2000), Type: p.oneOf(o, "type", "text", fieldTypes...),
		Secret: secret || p.Boolean(o, "secret"), Optional: p.Boolean(o, "optional"), Enum: p.texts(o, "enum", 200), Default: p.text(o, "default", 1000),
		Example: p.text(o, "example", 1000), Pattern: p.text(o, "pattern", 500), pattern: p.pattern(o),
	}
	if f.Title == "" {
		f.Title = name
	}
	d.Fields = append(d.Fields, f)
}

// fieldTypes are the types of fields, and maxFields bounds how many there are.
var fieldTypes = []string{"text", "url", "number", "boolean"}

const maxFields = 50

// authTypes are the types of authentication.
var authTypes = []string{"none", "basic", "bearer", "apiKey", "query", "oauth2"}

// authKeys are the values that each type of authentication needs, and those it may have.
var authKeys = map[string]struct{ needs, may []string }{
	"none":   {},
	"basic":  {[]string{"username", "password"}, nil},
	"bearer": {[]string{"token"}, nil},
	"apiKey": {[]string{"token", "header"}, []string{"prefix"}},
	"query":  {[]string{"token", "name"}, nil},
	"oauth2": {[]string{"tokenUrl", "clientId", "clientSecret"}, []string{"grant", "scope", "audience", "style"}},
}

// secretAuth are the values that are secret where a definition declares them as fields.
var secretAuth = []string{"password", "token", "clientSecret"}

func (p *parser) authentication(o *definition.Object, d *Definition) {
	d.auth = authSpec{kind: "none", values: make(map[string]*template)}
	n := o.Get["auth"]
	if n == nil {
		return
	}
	a := p.Object(n, "auth")
	kind := p.oneOf(a, "type", "", authTypes...)
	keys, ok := authKeys[kind]
	if !ok {
		if kind == "" {
			p.Add(n, "auth.type", "must be given")
		}
		return
	}
	d.auth.kind = kind
	p.Object(n, "auth", append(append([]string{"type"}, keys.needs...), keys.may...)...)
	if grant := p.text(a, "grant", 100); grant != "" && grant != "clientCredentials" {
		p.Add(a.Get["grant"], "auth.grant", "must be clientCredentials, the one grant that needs no person")
	}
	// Values that are declared here as fields come first: texts may name fields.
	for _, name := range a.Names {
		if v := a.Get[name]; v.Kind == yaml.MappingNode {
			p.field(v, a.At(name), name, slices.Contains(secretAuth, name), d)
		}
	}
	var secrets []string
	for _, f := range d.Fields {
		if f.Secret {
			secrets = append(secrets, f.Name)
		}
	}
	for _, name := range append(slices.Clone(keys.needs), keys.may...) {
		switch v := a.Get[name]; {
		case v == nil && slices.Contains(keys.needs, name):
			p.Add(n, a.At(name), "must be given with the type %s", kind)
		case v == nil, name == "grant":
		case v.Kind == yaml.MappingNode:
			d.auth.values[name], _ = parseTemplate("${connection."+name+"}", scopeConnection, secrets)
		default:
			d.auth.values[name] = p.template(v, a.At(name), scopeConnection, secrets)
		}
	}
}

var externalIDUses = []string{string(ExternalIDRequired), string(ExternalIDOptional), string(ExternalIDUnused)}

func (p *parser) externalID(o *definition.Object, d *Definition) {
	d.ExternalID = ExternalID{Use: ExternalIDUnused, MaxBytes: maxExternalID}
	n := o.Get["externalId"]
	if n == nil {
		return
	}
	e := p.Object(n, "externalId", "use", "help", "pattern", "maxBytes")
	d.ExternalID.Use = ExternalIDUse(p.oneOf(e, "use", string(ExternalIDOptional), externalIDUses...))
	d.ExternalID.Help, d.ExternalID.Pattern, d.ExternalID.pattern = p.text(e, "help", 2000), p.text(e, "pattern", 500), p.pattern(e)
	if max := p.integer(e, "maxBytes", 1, maxExternalID); max > 0 {
		d.ExternalID.MaxBytes = int(max)
	}
}

func (p *parser) identifiers(o *definition.Object, d *Definition) {
	n := o.Get["identifiers"]
	if n == nil {
		return
	}
	i := p.Object(n, "identifiers", "anyOf", "max", "required")
	d.Identifiers = Identifiers{AnyOf: p.texts(i, "anyOf", 20), Max: int(p.integer(i, "max", 1, 1000)), Required: p.Boolean(i, "required")}
	for k, name := range d.Identifiers.AnyOf {
		if name != "partnerIds" && !strings.HasPrefix(name, "variables.") {
			p.Add(i.Get["anyOf"], fmt.Sprintf("identifiers.anyOf[%d]", k), `must be partnerIds, or a variable such as "variables.email", got %q`, definition.Clip(name))
		}
	}
	if len(d.Identifiers.AnyOf) == 0 {
		d.Identifiers.AnyOf = []string{"partnerIds"}
	}
}

const (
	maxProfiles    = 1000 // as many as the engine puts into a batch
	maxWait        = time.Hour
	defaultWait    = 10 * time.Second
	minBodyBytes   = 1 << 10
	maxBodyBytes   = 16 << 20
	defaultTimeout = 30 * time.Second
)

func (p *parser) aggregate(o *definition.Object, d *Definition) {
	n := o.Get["aggregate"]
	if n == nil {
		return
	}
	a := p.Object(n, "aggregate", "maxProfiles", "maxWait", "maxBytes", "by")
	d.Aggregate = &Aggregate{
		MaxProfiles: int(p.integer(a, "maxProfiles", 1, maxProfiles)), MaxWait: p.duration(a, "maxWait", maxWait),
		MaxBytes: int(p.integer(a, "maxBytes", minBodyBytes, maxBodyBytes)),
	}
	if d.Aggregate.MaxProfiles == 0 {
		d.Aggregate.MaxProfiles = 100
	}
	if a.Get["maxWait"] == nil {
		d.Aggregate.MaxWait = defaultWait
	}
	if d.Aggregate.MaxBytes == 0 {
		d.Aggregate.MaxBytes = 1 << 20
	}
	d.groupBy = p.expression(a.Get["by"], "aggregate.by", scopeItem)
}

var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// ownHeaders are set by Relay alone.
var ownHeaders = []string{"authorization", "host", "content-length", "user-agent", "transfer-encoding", "connection"}

func (p *parser) request(o *definition.Object, name string, d *Definition, s scope) *request {
	n := o.Get[name]
	if n == nil {
		return nil
	}
	r := p.Object(n, o.At(name), "method", "url", "query", "headers", "body", "form")
	secrets := d.secretFieldList
	req := &request{method: p.oneOf(r, "method", "POST", methods...), url: p.template(r.Get["url"], r.At("url"), s, secrets)}
	if req.url == nil {
		p.Add(n, r.At("url"), "must be given")
		req.url = &template{}
	} else if p.urlHasHost(r.Get["url"], r.At("url"), req.url, d) {
		p.hostGiven(n, d)
	}
	pairs := func(key string) (list []field) {
		v := r.Get[key]
		if v == nil {
			return nil
		}
		all := p.Object(v, r.At(key))
		for _, name := range all.Names {
			list = append(list, field{name, p.template(all.Get[name], all.At(name), s, secrets)})
		}
		if len(list) > 50 {
			p.Add(v, r.At(key), "must have at most 50 entries")
		}
		return list
	}
	req.query, req.headers, req.form = pairs("query"), pairs("headers"), pairs("form")
	for _, h := range req.headers {
		if err := egress.CheckHeader(h.name, "x"); err != nil {
			p.Add(r.Get["headers"], r.At("headers")+"."+h.name, "cannot be set: %v", err)
		}
		if slices.Contains(ownHeaders, strings.ToLower(h.name)) {
			p.Add(r.Get["headers"], r.At("headers")+"."+h.name, "cannot be set: it is set by Relay itself, credentials by auth")
		}
	}
	req.body = p.tree(r.Get["body"], r.At("body"), s, secrets, 0)
	if req.body != nil && r.Get["form"] != nil {
		p.Add(r.Get["form"], r.At("form"), "excludes body")
	}
	req.asIs = r.Get["body"] == nil && r.Get["form"] == nil && req.method != "GET" && req.method != "DELETE"
	return req
}

// urlHasHost refuses addresses whose host could come from a profile, and reports whether hosts must name it.
func (p *parser) urlHasHost(n *yaml.Node, path string, t *template, d *Definition) bool {
	if len(t.parts) == 0 {
		p.Add(n, path, "must be given")
		return false
	}
	first := &t.parts[0]
	if name := connectionField(first); name != "" {
		f := d.fieldNamed(name)
		if f == nil || f.Type != "url" {
			p.Add(n, path, "must begin with https://, or with a connection field of the type url")
		}
		return false
	}
	host := ""
	for i := range t.parts {
		part := &t.parts[i]
		if part.literal != "" {
			host += part.literal
		} else {
			if rest, ok := strings.CutPrefix(host, "https://"); (!ok || !strings.ContainsAny(rest, "/?")) && connectionField(part) == "" {
				p.Add(n, path, "must not take its host from anything but a connection field")
				return false
			}
			host += "x"
		}
	}
	if !strings.HasPrefix(host, "https://") {
		p.Add(n, path, "must begin with https://")
	}
	return true
}

// connectionField returns the field that a part of a template is, "" if it is something else.
func connectionField(part *part) string {
	if part.secret != "" {
		return part.secret
	}
	if part.expr != nil {
		if name, ok := strings.CutPrefix(part.expr.Text, "connection."); ok && isField.MatchString(name) {
			return name
		}
	}
	return ""
}

func (p *parser) hostGiven(n *yaml.Node, d *Definition) {
	if len(d.hosts) == 0 && !slices.ContainsFunc(p.Faults, func(f definition.Fault) bool { return f.Path == "hosts" }) {
		p.missing(n, "hosts", "must name the hosts that requests go to")
	}
}

// requestsOf checks that the definition has the requests of its kind.
func (p *parser) requestsOf(o *definition.Object, d *Definition) {
	switch d.Kind {
	case Message:
		if d.requests[requestMessage] == nil {
			p.missing(o.Node, requestMessage, "must be given with the kind message")
		}
		for _, name := range []string{requestAdd, requestUpdate, requestRemove} {
			if d.requests[name] != nil {
				p.Add(o.Get[name], name, "is a request of the kind list")
			}
		}
	case List:
		if d.requests[requestAdd] == nil {
			p.missing(o.Node, requestAdd, "must be given with the kind list")
		}
		if d.requests[requestMessage] != nil {
			p.Add(o.Get[requestMessage], requestMessage, "is a request of the kind message")
		}
	}
}

var periods = []string{"second", "minute", "hour", "day"}

func (p *parser) limits(o *definition.Object, d *Definition) {
	d.Limits.Timeout = defaultTimeout
	n := o.Get["limits"]
	if n == nil {
		return
	}
	l := p.Object(n, "limits", "requests", "concurrency", "timeout")
	d.Limits.Concurrency = int(p.integer(l, "concurrency", 1, 256))
	if t := p.duration(l, "timeout", time.Minute); t >= time.Second {
		d.Limits.Timeout = t
	}
	p.list(l, "requests", 10, func(n *yaml.Node, path string) {
		w := p.Object(n, path, "per", "count", "scope")
		per := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[p.oneOf(w, "per", "second", periods...)]
		p.oneOf(w, "scope", "connection", "connection")
		count := p.integer(w, "count", 1, 10_000_000)
		if count == 0 && w.Get["count"] == nil {
			p.Add(n, w.At("count"), "must be given")
		}
		d.Limits.Requests = append(d.Limits.Requests, Window{Per: per, Count: int(count)})
	})
}
