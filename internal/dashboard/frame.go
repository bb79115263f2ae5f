package dashboard

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/webhook"
)

//go:embed templates/*.html
var templateFiles embed.FS

// shared are the templates that every page may use.
var shared = []string{"templates/layout.html", "templates/parts.html"}

// readTemplates parses each page together with what all share.
func (d *Dashboard) readTemplates() (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(d.functions()).ParseFS(templateFiles, shared...)
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, file := range files {
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", file, err)
		}
		pages[strings.TrimSuffix(path.Base(file), ".html")] = t
	}
	return pages, nil
}

// frame is what templates get: the page's data and what surrounds it.
type frame struct {
	Data    any
	Title   string
	Section string
	Nonce   string
	Base    string // of all addresses
	Assets  string // the folder of what pages load, with a slash at the end
	Theme   string
	Here    string // the path of this page, to come back to
	Version string
	// What follows is empty while nobody is signed in.
	Who     *access.Principal
	Tenant  account.Tenant
	Tenants []account.Tenant // those to switch to, if there are several
	Nav     []navigation
	Now     time.Time
}

// navigation is an entry of the menu.
type navigation struct {
	Name, Path, Icon, Key string
	Group                 string // a heading above it; empty: none
	Phone                 bool   // in the bar at the bottom of a phone
}

// frame surrounds an answer.
func (d *Dashboard) frame(q *request, a *answer) *frame {
	f := &frame{
		Data: a.data, Title: a.title, Section: a.section, Nonce: q.nonce, Base: d.Base, Assets: d.Base + "/a/" + d.assets.hash + "/",
		Here: q.URL.RequestURI(), Version: d.Version, Now: d.now().UTC(),
	}
	if c, err := q.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		f.Theme = c.Value
	}
	if q.Method != "GET" {
		f.Here = "/"
	}
	if q.who == nil || q.tenant.Name == "" {
		return f
	}
	f.Who, f.Tenant = q.who, q.tenant
	f.Tenants = d.reachable(q)
	for _, n := range menu {
		if n.needs == 0 || q.who.Allows(n.needs) {
			f.Nav = append(f.Nav, n.navigation)
		}
	}
	return f
}

// reachable returns the tenants that the person can act in.
func (d *Dashboard) reachable(q *request) []account.Tenant {
	if q.who.Allows(access.RunPlatform) {
		return d.Tenants.Tenants()
	}
	person, err := d.Sessions.Whoami(q.Context(), q.who)
	if err != nil {
		return nil // the page is worth more than the list
	}
	var list []account.Tenant
	for _, t := range d.Tenants.Tenants() {
		for _, u := range person.Active() {
			if u.Tenant == t.ID {
				list = append(list, t)
			}
		}
	}
	return list
}

// To returns the address of a page of the tenant: "/t/default/webhooks/wh_1/edit".
func (f *frame) To(elements ...string) string {
	var b strings.Builder
	b.WriteString(f.Base + "/t/" + url.PathEscape(f.Tenant.Name))
	for _, e := range elements {
		b.WriteString("/" + url.PathEscape(e))
	}
	return b.String()
}

// At returns the address of a page that belongs to no tenant.
func (f *frame) At(p string) string { return f.Base + p }

// In returns the address of another tenant's first page.
func (f *frame) In(t account.Tenant) string {
	return f.Base + "/t/" + url.PathEscape(t.Name) + firstPage
}

// The permissions that pages ask for before they show a control. The server refuses without them, too.

// MayEdit reports whether the person may change webhooks.
func (f *frame) MayEdit() bool { return f.Who.Allows(access.EditWebhooks) }

// MayRedeliver reports whether the person may retry and recover.
func (f *frame) MayRedeliver() bool { return f.Who.Allows(access.Redeliver) }

// MayRotate reports whether the person may replace secrets.
func (f *frame) MayRotate() bool { return f.Who.Allows(access.RotateSecrets) }

// Initial is shown in place of a picture of the person.
func (f *frame) Initial() string {
	r, _ := utf8.DecodeRuneInString(strings.ToUpper(f.Who.Actor.Name))
	return string(r)
}

// Role names what the person is in the tenant.
func (f *frame) Role() string {
	switch {
	case f.Who.Allows(access.RunPlatform):
		return "Operator"
	case f.Who.Allows(access.Configure):
		return "Admin"
	case f.Who.Allows(access.EditWebhooks):
		return "Member"
	}
	return "Viewer"
}

// pair gives a template a value beside the frame.
type pair struct {
	*frame
	V any
}

// drawn is a chart and how the times below it are written.
type drawn struct {
	V      chart.Drawing
	Layout string
}

// wrong is what is wrong with a field of a form, and the id of the words that explain the field.
type wrong struct{ Field, Hint, Reason string }

// named is a body, and which it is.
type named struct {
	V    *body
	Name string
}

// functions are what templates can call beside the frame's methods.
func (d *Dashboard) functions() template.FuncMap {
	return template.FuncMap{
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + template.HTMLEscapeString(d.Base+"/a/"+d.assets.hash+"/icons.svg#"+name) + `"/></svg>`) //nolint:gosec // a constant name in an address of ours
		},
		"drawn": func(d chart.Drawing, layout string) drawn { return drawn{d, layout} },
		"wrong": func(f *hookForm, field, hint string) wrong { return wrong{field, hint, f.Wrong[field]} },
		"named": func(b *body, name string) named { return named{b, name} },
		"pair":  func(f *frame, v any) pair { return pair{f, v} },
		"ago":   ago,
		"exact": func(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04:05 UTC") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"count": func(n any) string { return chart.Exact(toInt(n)) },
		"short": func(n any) string { return chart.Short(toInt(n)) },
		"host":  hostOf,
		"path":  pathOf,
		"took":  took,
		"dur":   short,
		"join":  func(list []string) string { return strings.Join(list, ", ") },
		"clip":  func(n int, s string) string { return clip(s, n) },
		"plural": func(n any, one, many string) string {
			if toInt(n) == 1 {
				return "1 " + one
			}
			return chart.Exact(toInt(n)) + " " + many
		},
		"active": func(s webhook.Status) bool { return s == webhook.Active },
	}
}

func toInt(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case uint32:
		return int64(n)
	}
	return 0
}

// ago is a time that the script turns into "3 minutes ago"; without it the exact time stands there.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	t = t.UTC()
	return template.HTML(`<time class="num nowrap" data-ago datetime="` + t.Format(time.RFC3339Nano) + `">` + t.Format("2 Jan 15:04:05") + " UTC</time>") //nolint:gosec // digits and names of months
}

// hostOf and pathOf are the two parts of a URL that a list shows: where it leads, and the rest.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return raw
	}
	return u.Host
}

func pathOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.RequestURI() == "/" {
		return ""
	}
	return clip(u.RequestURI(), 60)
}

// took writes how long something took as people read it.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "–"
	case d < time.Millisecond:
		return "<1 ms"
	case d < 10*time.Second:
		return chart.Exact(d.Round(time.Millisecond).Milliseconds()) + " ms"
	case d < 2*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
