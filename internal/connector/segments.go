package connector

import (
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
)

// segments say how the lists of a partner are listed.
type segments struct {
	request *request
	items   *expression // a list in the answer
	id      *template
	name    *template
	page    paging
	ttl     time.Duration
}

var pagings = []string{"none", "cursor", "offset", "page", "nextUrl"}

// paging says how the next page is asked for. It stops at the end that its kind has, and at bounds that hold for all.
type paging struct {
	by    string      // none, cursor, offset, page, nextUrl
	from  *expression // of cursor and nextUrl: where the answer has it
	query string      // the parameter that is set
	size  int64       // of offset: how much it rises; 0: by the items of the page
	first int64       // of page
}

const defaultSegmentsTTL = 15 * time.Minute

func (p *parser) segments(o *definition.Object, d *Definition) {
	n := o.Get["segments"]
	if n == nil {
		return
	}
	s := p.Object(n, "segments", "request", "items", "id", "name", "page", "ttl")
	d.segments = &segments{
		request: p.request(s, "request", d, scopeConnection), items: p.expression(s.Get["items"], "segments.items", scopeBody),
		id: p.template(s.Get["id"], "segments.id", scopeList, nil), name: p.template(s.Get["name"], "segments.name", scopeList, nil),
		ttl: p.duration(s, "ttl", 24*time.Hour), page: paging{by: "none"},
	}
	if d.segments.ttl == 0 {
		d.segments.ttl = defaultSegmentsTTL
	}
	for _, key := range []string{"request", "items", "id"} {
		if s.Get[key] == nil {
			p.Add(n, s.At(key), "must be given")
		}
	}
	if d.segments.name == nil {
		d.segments.name = d.segments.id
	}
	d.HasSegments = true
	p.paging(s.Get["page"], &d.segments.page)
}

func (p *parser) paging(n *yaml.Node, page *paging) {
	if n == nil {
		return
	}
	g := p.Object(n, "segments.page", "by", "from", "query", "size", "first")
	page.by = p.oneOf(g, "by", "none", pagings...)
	page.from, page.query = p.expression(g.Get["from"], "segments.page.from", scopeBody), p.text(g, "query", 100)
	page.size, page.first = p.integer(g, "size", 1, 100_000), p.integer(g, "first", 0, 1)
	switch page.by {
	case "cursor", "nextUrl":
		if g.Get["from"] == nil {
			p.Add(n, "segments.page.from", "must be given: where the answer has the %s", page.by)
		}
	}
	if page.by != "none" && page.by != "nextUrl" && page.query == "" {
		p.Add(n, "segments.page.query", "must be given: the parameter that asks for the next page")
	}
}
