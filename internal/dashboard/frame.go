package dashboard

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/webhook"
)

//go:embed templates/*.html
var templateFiles embed.FS

// shared are the templates that every page may use.
var shared = []string{"templates/layout.html", "templates/parts.html", "templates/portal-layout.html"}

// readTemplates parses each page together with what all share. words replace the texts between their tags, and only bounds
// the pages; nil: the texts stay, and all pages are read.
func (d *Dashboard) readTemplates(words *portal.Words, only map[string]bool) (map[string]*template.Template, error) {
	files := shared
	if only == nil {
		files = append(slices.Clone(shared), "templates/partner-parts.html", "templates/journey-parts.html") // portals have no connectors
	}
	base, err := template.New("").Funcs(d.functions(words)).ParseFS(templateFiles, files...)
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	done := make(map[string]bool) // templates whose texts are replaced
	replace := func(set *template.Template) error {
		for _, t := range set.Templates() {
			if words != nil && !done[t.Name()] {
				if err := translate(t.Tree, words.Say); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := replace(base); err != nil {
		return nil, err
	}
	for _, t := range base.Templates() {
		done[t.Name()] = true
	}
	all, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	pages := make(map[string]*template.Template)
	for _, file := range all {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if only != nil && !only[name] {
			continue
		}
		t, err := base.Clone()
		if err == nil {
			t, err = t.ParseFS(templateFiles, file)
		}
		if err == nil {
			err = replace(t)
		}
		if err != nil {
			return nil, fmt.Errorf("reading template %s: %w", file, err)
		}
		pages[name] = t
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
	Portal  *visit // nil: the page is shown to a person, not in a portal
	root    string
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
	Letter                string // goes there, after "g"; empty: nothing does
	Badge                 int    // how many things wait there; zero: none is shown
}

// Address is where an entry of the menu leads: a page of the tenant, or one of the installation.
func (f *frame) Address(n navigation) string {
	if strings.HasPrefix(n.Path, "/") {
		return f.At(n.Path)
	}
	return f.To(n.Path)
}

// frame surrounds an answer.
func (d *Dashboard) frame(q *request, a *answer) *frame {
	f := &frame{
		Data: a.data, Title: a.title, Section: a.section, Nonce: q.nonce, Base: d.Base, Assets: d.Base + "/a/" + d.assets.hash + "/",
		Here: q.URL.RequestURI(), Version: d.Version, Now: d.now().UTC(),
		Portal: q.visit, root: q.root,
	}
	if q.visit != nil {
		if f.Theme = q.visit.Look.Theme; f.Theme == portal.Themes[0] {
			f.Theme = ""
		}
		if q.Method != "GET" {
			f.Here = q.root + "/"
		}
		if q.who != nil {
			f.Who, f.Nav = q.who, portalMenu
		}
		return f
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
			if n.Key == "attention" && !q.part {
				n.Badge = d.Attention.Count(q.Context(), q.who.Tenant)
			}
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

// Back is the address of the page that a session ended on, to load again when there is another; "" if it was none that can
// be loaded.
func (f *frame) Back() string {
	page, _ := url.Parse(f.Here)
	if page == nil || page.Path == f.root+"/enter" || page.Path == f.root+"/ended" {
		return ""
	}
	return f.Base + f.Here
}

// To returns the address of a page of the tenant: "/t/default/webhooks/wh_1/edit".
func (f *frame) To(elements ...string) string {
	var b strings.Builder
	b.WriteString(f.Base + f.root)
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

// The switcher searches from manyTenants up, and lists mostTenants: the server finds the others.
const (
	manyTenants = 8
	mostTenants = 50
)

// ManyTenants reports whether the switcher has a search.
func (f *frame) ManyTenants() bool { return len(f.Tenants) >= manyTenants }

// ShownTenants are those that the switcher lists: the one that is open among them.
func (f *frame) ShownTenants() []account.Tenant {
	if len(f.Tenants) <= mostTenants {
		return f.Tenants
	}
	list := []account.Tenant{f.Tenant}
	for _, t := range f.Tenants {
		if t.ID != f.Tenant.ID && len(list) < mostTenants {
			list = append(list, t)
		}
	}
	return list
}

// The permissions that pages ask for before they show a control. The server refuses without them, too.

// MayAdd reports whether the person may add webhooks.
func (f *frame) MayAdd() bool { return f.MayEdit() && (f.Portal == nil || f.Portal.MayAdd) }

// MayTest reports whether the person may send examples to webhooks.
func (f *frame) MayTest() bool { return f.Who.Allows(access.TestWebhooks) }

// MayShape reports whether the person may change filters and transforms.
func (f *frame) MayShape() bool { return f.Who.Allows(access.EditShapes) }

// MayFilter reports whether the person may change filters, which a portal's scope can hold fast.
func (f *frame) MayFilter() bool {
	return f.MayShape() && (f.Portal == nil || f.Portal.Session.Grant.Filter == "")
}

// MayEdit reports whether the person may change webhooks.
func (f *frame) MayEdit() bool { return f.Who.Allows(access.EditWebhooks) }

// MayConfigure reports whether the person may change what the tenant's people share: connectors, the gate.
func (f *frame) MayConfigure() bool { return f.Who.Allows(access.Configure) }

// MayEditPeople reports whether the person may change profiles and audiences.
func (f *frame) MayEditPeople() bool { return f.Who.Allows(access.EditRespondents) }

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

// With gives a template a value beside the frame, where the template has a pair already.
func (f *frame) With(v any) pair { return pair{f, v} }

// Of is the frame around other data: what a template gets that is also the answer to htmx by itself.
func (f *frame) Of(v any) *frame {
	other := *f
	other.Data = v
	return &other
}

// drawn is a chart and how the times below it are written.
type drawn struct {
	V      chart.Drawing
	Layout string
}

// wrong is what is wrong with a field of a form, and the id of the words that explain the field.
type wrong struct{ Field, Hint, Reason string }

// formField is a field of a form with what was typed into it.
type formField struct {
	Wrong              map[string]string
	Name, Label, Value string
}

// named is a body, and which it is.
type named struct {
	V    *body
	Name string
}

// functions are what templates can call beside the frame's methods.
func (d *Dashboard) functions(words *portal.Words) template.FuncMap {
	if words == nil {
		words = new(portal.Words)
	}
	exactly := func(n any) string { return words.Number(chart.Exact(toInt(n))) }
	return template.FuncMap{
		// say is for what is no text of a template: states, titles, entries of selects, sentences of the domain.
		"say": words.Tell,
		// sayf puts values in the place of a phrase's {1}, {2} and so on, so that the words around them can be in any order.
		"sayf":    func(phrase string, values ...any) template.HTML { return sayf(words.Say(phrase), values) },
		"code":    func(s string) template.HTML { return element("code", "", s) },
		"strong":  func(s string) template.HTML { return element("strong", "wrap", s) },
		"wrap":    func(s string) template.HTML { return element("span", "wrap", s) },
		"decimal": words.Number,
		"counted": func(row chart.Row, layout string) string { return counted(row, layout, words) },
		"icon": func(name string) template.HTML {
			return template.HTML(`<svg class="icon" aria-hidden="true"><use href="` + template.HTMLEscapeString(d.Base+"/a/"+d.assets.hash+"/icons.svg#"+name) + `"/></svg>`) //nolint:gosec // a constant name in an address of ours
		},
		"drawn":   func(d chart.Drawing, layout string) drawn { return drawn{d, layout} },
		"wrong":   func(f *hookForm, field, hint string) wrong { return wrong{field, hint, f.Wrong[field]} },
		"wrongIn": func(list map[string]string, field, hint string) wrong { return wrong{field, hint, list[field]} },
		"field": func(list map[string]string, name, label, value string) formField {
			return formField{list, name, label, value}
		},
		"named": func(b *body, name string) named { return named{b, name} },
		"pair":  func(f *frame, v any) pair { return pair{f, v} },
		"ago":   ago,
		"exact": exact,
		"prose": prose,
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"count": exactly,
		"short": func(n any) string { return chart.Short(toInt(n)) },
		"host":  hostOf,
		"path":  pathOf,
		"took":  func(d time.Duration) string { return words.Number(took(d)) },
		"dur":   short,
		"join":  func(list []string) string { return strings.Join(list, ", ") },
		"clip":  func(n int, s string) string { return clip(s, n) },
		"plural": func(n any, one, many string) string {
			if toInt(n) == 1 {
				return "1 " + words.Say(one)
			}
			return exactly(n) + " " + words.Say(many)
		},
		"active": func(s webhook.Status) bool { return s == webhook.Active },
	}
}

// sayf fills the placeholders of a phrase. Values that are HTML stay it; everything else is text.
func sayf(phrase string, values []any) template.HTML {
	return template.HTML(portal.Fill(template.HTMLEscapeString(phrase), func(n int) string { //nolint:gosec // text is escaped
		if n < 1 || n > len(values) {
			return ""
		}
		if h, ok := values[n-1].(template.HTML); ok {
			return string(h)
		}
		return template.HTMLEscapeString(fmt.Sprint(values[n-1]))
	}))
}

// element is an element with text in it.
func element(name, class, text string) template.HTML {
	if class != "" {
		class = ` class="` + class + `"`
	}
	return template.HTML("<" + name + class + ">" + template.HTMLEscapeString(text) + "</" + name + ">") //nolint:gosec // constants around escaped text
}

// counted tells the numbers of a bar of outcomes.
func counted(row chart.Row, layout string, words *portal.Words) string {
	var parts []string
	for i, n := range row.Counts {
		if n > 0 {
			parts = append(parts, words.Number(chart.Exact(n))+" "+words.Say(outcomeSeries[i].Name))
		}
	}
	return row.At.Format(layout) + " UTC: " + strings.Join(parts, ", ")
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

// exact is a time that the script writes in the reader's own time zone.
func exact(t time.Time) template.HTML {
	t = t.UTC()
	return template.HTML(`<time class="num" data-exact datetime="` + t.Format(time.RFC3339Nano) + `">` + t.Format("2 Jan 2006 15:04:05") + " UTC</time>") //nolint:gosec // digits and names of months
}

// instant is a time as the domain writes it into explanations.
var instant = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z`)

// prose is an explanation with the times in it as other times on the page.
func prose(s string) template.HTML {
	var b strings.Builder
	for {
		at := instant.FindStringIndex(s)
		if at == nil {
			break
		}
		b.WriteString(template.HTMLEscapeString(s[:at[0]]))
		if t, err := time.Parse(time.RFC3339Nano, s[at[0]:at[1]]); err == nil {
			b.WriteString(string(exact(t)))
		} else {
			b.WriteString(s[at[0]:at[1]])
		}
		s = s[at[1]:]
	}
	b.WriteString(template.HTMLEscapeString(s))
	return template.HTML(b.String()) //nolint:gosec // all text of others is escaped
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
