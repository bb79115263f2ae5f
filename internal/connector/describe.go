package connector

import "strings"

// Call is a request that a definition makes, as its document has it: with its expressions.
type Call struct {
	Name   string // add, update, remove, message, forget, check or segments
	Method string
	URL    string
	// Body says what is sent: "the payload", "JSON", "a form", or empty for none.
	Body string
}

// Calls lists the definition's requests, in the order of its abilities.
func (d *Definition) Calls() (list []Call) {
	for _, name := range d.Capabilities() {
		r := d.requests[name]
		switch name {
		case "check":
			r = d.check
		case "segments":
			r = d.segments.request
		}
		if r == nil {
			continue
		}
		c := Call{Name: name, Method: r.method, URL: r.url.source()}
		switch {
		case r.asIs:
			c.Body = "the payload"
		case r.body != nil:
			c.Body = "JSON"
		case len(r.form) > 0:
			c.Body = "a form"
		}
		list = append(list, c)
	}
	return list
}

// source returns the text that the template was made of, without superfluous blanks in its expressions.
func (t *template) source() string {
	var b strings.Builder
	for _, p := range t.parts {
		switch {
		case p.secret != "":
			b.WriteString("${connection." + p.secret + "}")
		case p.expr != nil:
			b.WriteString("${" + p.expr.Text + "}")
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}
