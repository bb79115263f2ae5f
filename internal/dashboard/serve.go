package dashboard

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

// route is a line of the route table.
type route struct {
	pattern string
	open    bool              // nobody need be signed in
	outside bool              // programs outside call it, without a session
	needs   access.Permission // what the person must have; of pages that need a tenant
	room    int64             // bounds its form, in bytes; zero: maxForm
	serve   func(ctx context.Context, q *request) (answer, error)
}

// request is what a handler gets.
type request struct {
	*http.Request
	d       *Dashboard
	who     *access.Principal // nil: nobody is signed in
	session user.Session
	token   string // of the session
	tenant  account.Tenant
	form    url.Values        // of a POST
	files   map[string][]byte // that came with the form, by field
	nonce   string
	id      string // of the request, in the log
	// part tells that htmx asks: the answer is the main part of the page, or a piece of it.
	part bool
	// root is the path of the pages, below Base, that belong together: a tenant's, or a portal's.
	root  string
	visit *visit // nil: the page is shown to a person, not in a portal
}

// within makes the tenant the one that the page is about.
func (q *request) within(t account.Tenant) { q.tenant, q.root = t, "/t/"+url.PathEscape(t.Name) }

// answer is what a handler returns: a page, or a redirect.
type answer struct {
	page    string // the file in templates, without its ending
	block   string // a template of the page that is the whole answer to htmx; empty: "main"
	title   string
	section string // the entry of the navigation that is marked
	data    any
	status  int    // zero: 200
	to      string // redirects there, a path below Base; excludes page
	away    string // redirects to this address at another site; excludes page
	address string // htmx shows it in the address bar instead of the request's, a path below Base
	// secret keeps the answer from being stored or compressed.
	secret  bool
	cookies []*http.Cookie
	// stream writes the answer itself, and lasts; excludes all others.
	stream func(w http.ResponseWriter)
}

const (
	// maxForm bounds a form, in bytes: a transform script is the longest thing in any.
	maxForm = 256 << 10
	// compressFrom is the size from which a page is compressed, in bytes.
	compressFrom = 1 << 10
)

// handler is the adapter of all routes.
func (d *Dashboard) handler(rt *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, d: d, nonce: newNonce(), id: web.RequestID(w), part: r.Header.Get("HX-Request") == "true"}
		a, err := d.answerTo(rt, q)
		if err == nil {
			err = d.send(w, q, &a)
		}
		if err == nil {
			return
		}
		a = d.failure(q, err)
		if err := d.send(w, q, &a); err != nil {
			d.Log.ErrorContext(r.Context(), "a page could not be made", "request", q.id, "route", rt.pattern, "error", err)
			web.Send(w, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("Something went wrong. The log has the details.\n"))
		}
	})
}

// answerTo tells who is asking and runs the handler.
func (d *Dashboard) answerTo(rt *route, q *request) (answer, error) {
	if rt.outside {
		if err := q.readFormOf(rt); err != nil {
			return answer{}, err
		}
		return rt.serve(q.Context(), q)
	}
	if err := d.SignIn.OwnPage(q.Request, true); err != nil {
		return answer{}, err
	}
	if err := q.readFormOf(rt); err != nil {
		return answer{}, err
	}
	name := q.PathValue("tenant")
	if err := d.identify(q, name); err != nil {
		if problem.KindOf(err) != problem.Unauthorized || !rt.open {
			return answer{}, err
		}
	}
	if !rt.open && !q.who.Allows(rt.needs) {
		if q.who.NeedsFactor {
			return answer{to: "/me/second-factor"}, nil
		}
		return answer{}, problem.New(problem.Forbidden, "your role does not allow this")
	}
	if needsProof(rt.pattern) && !d.Sessions.Proved(&q.session) {
		if a, ok, err := d.confirm(q); err != nil || !ok {
			return a, err
		}
	}
	return rt.serve(q.Context(), q)
}

// readForm reads a form that is as all are.
func (q *request) readForm() error { return q.readFormOf(&route{}) }

// readFormOf reads the form of a route, which may take more of one than others.
func (q *request) readFormOf(rt *route) error {
	if q.Method != http.MethodPost {
		return nil
	}
	limit := cmp.Or(rt.room, maxForm)
	kind, params, err := mime.ParseMediaType(q.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		return problem.New(problem.UnsupportedType, "a form is expected")
	}
	raw, err := web.ReadBody(q.Request, nil, limit)
	if err != nil {
		return err
	}
	if kind == "multipart/form-data" {
		q.form, q.files, err = parseFiles(raw, params["boundary"])
	} else {
		q.form, err = url.ParseQuery(string(raw))
	}
	if err != nil {
		return problem.New(problem.Malformed, "the form cannot be read")
	}
	return nil
}

// parseFiles reads a form with files. Of a field with several files it keeps the last.
func parseFiles(raw []byte, boundary string) (form url.Values, files map[string][]byte, err error) {
	form, files = url.Values{}, make(map[string][]byte)
	parts := multipart.NewReader(bytes.NewReader(raw), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, files, nil
		}
		if err != nil {
			return nil, nil, err
		}
		content, err := io.ReadAll(part) // no more than the body, which is bounded
		if err != nil {
			return nil, nil, err
		}
		if part.FileName() != "" {
			files[part.FormName()] = content
		} else {
			form.Add(part.FormName(), string(content))
		}
	}
}

// value returns a field of the form, without blanks around it, and with line ends as everybody but HTML writes them.
func (q *request) value(name string) string {
	return strings.ReplaceAll(strings.TrimSpace(q.form.Get(name)), "\r\n", "\n")
}

// identify finds out who is asking, for the tenant if one is named.
func (d *Dashboard) identify(q *request, tenant string) error {
	q.token = d.sessionToken(q.Request)
	at := anyTenant
	if tenant != "" {
		t, ok := d.Tenants.Tenant(tenant)
		if !ok {
			t.ID = noTenant // answered like that of others
		}
		at = t.ID
		q.within(t)
	}
	session, who, err := d.Sessions.Resume(q.Context(), q.token, at)
	if err != nil {
		return err
	}
	d.Tenants.Bound(who)
	who.Request = d.from(q)
	q.session, q.who = session, who
	return web.Authenticated(q.Request)
}

// from is what the audit log keeps of the request.
func (d *Dashboard) from(q *request) access.Request {
	r := access.Request{ID: q.id, UserAgent: clip(q.UserAgent(), 200)}
	if addr := web.ClientAddr(q.Request, d.TrustedProxies); addr.IsValid() {
		r.Address = addr.String()
	}
	return r
}

// send writes an answer. Nothing has been written when it returns an error.
func (d *Dashboard) send(w http.ResponseWriter, q *request, a *answer) error {
	if a.stream != nil {
		a.stream(w)
		return nil
	}
	h := w.Header()
	for _, c := range a.cookies {
		http.SetCookie(w, c)
	}
	if a.to != "" {
		h.Set("Cache-Control", "no-store")
		target := d.Base + a.to
		if q.part { // fetch would follow a redirect and show the page inside of this one
			h.Set("HX-Redirect", target)
			web.Send(w, http.StatusOK, "text/html; charset=utf-8", nil)
			return nil
		}
		h.Set("Location", target)
		web.Send(w, http.StatusSeeOther, "text/html; charset=utf-8", nil)
		return nil
	}
	if a.away != "" {
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Location", a.away)
		web.Send(w, http.StatusSeeOther, "text/html; charset=utf-8", nil)
		return nil
	}
	if a.page == "" {
		h.Set("Cache-Control", "no-store")
		web.Send(w, cmp.Or(a.status, http.StatusOK), "text/plain; charset=utf-8", nil)
		return nil
	}
	body, err := d.render(q, a)
	if err != nil {
		return err
	}
	d.headers(h, q)
	h.Set("Vary", "HX-Request, Accept-Encoding, Cookie")
	h.Set("Cache-Control", "private, no-cache")
	if a.secret || a.status >= http.StatusBadRequest {
		h.Set("Cache-Control", "no-store")
	}
	if a.address != "" {
		h.Set("HX-Push-Url", d.Base+a.address)
	}
	if !a.secret && len(body) >= compressFrom && acceptsGzip(q.Request) {
		h.Set("Content-Encoding", "gzip")
		body = compressPage(body)
	}
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	web.Send(w, status, "text/html; charset=utf-8", body)
	return nil
}

// headers sets what a browser must keep to. Referrer-Policy is not "no-referrer", with which browsers would send the
// origin "null" with forms.
func (d *Dashboard) headers(h http.Header, q *request) {
	resources := "same-origin"
	if q.visit != nil {
		resources = "cross-origin" // or a site that is isolated could not embed the page
	}
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+q.nonce+"'; style-src 'self'; img-src 'self' data:; "+
		"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "+q.visit.ancestors()+"; "+
		"require-trusted-types-for 'script'; trusted-types htmx")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", resources)
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), clipboard-write=(self)")
	if d.SignIn.Secure() {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

func newNonce() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// render makes the page, or the part of it that htmx asks for.
func (d *Dashboard) render(q *request, a *answer) ([]byte, error) {
	templates, err := d.templates()
	if err != nil {
		return nil, err
	}
	t := templates[a.page]
	if t == nil {
		return nil, fmt.Errorf("there is no page %q", a.page)
	}
	name, part := "layout", "part"
	if q.visit != nil {
		name, part = "portal-layout", "portal-part"
	}
	if q.part {
		name = part
		if a.block != "" {
			name = a.block
		}
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, name, d.frame(q, a)); err != nil {
		return nil, fmt.Errorf("making the page %q: %w", a.page, err)
	}
	return b.Bytes(), nil
}

// failure is the page that says what went wrong.
func (d *Dashboard) failure(q *request, err error) answer {
	p := asProblem(err)
	if p.Kind == problem.Unauthorized {
		to := "/login"
		if q.Method == http.MethodGet && !q.part && q.URL.Path != "/" {
			to += "?next=" + url.QueryEscape(q.URL.RequestURI())
		}
		return answer{to: to}
	}
	if gone := q.Context().Err() != nil; p.Kind == problem.Internal && !gone {
		d.Log.LogAttrs(q.Context(), slog.LevelError, "page failed", slog.String("request", q.id), slog.String("path", q.URL.Path), slog.String("error", err.Error()))
	}
	v := failureView{Title: p.Kind.Title(), Detail: sentence(p.Detail), Request: q.id}
	switch p.Kind {
	case problem.NotFound:
		v.Title = "There is nothing here"
		if v.Detail == "" {
			v.Detail = "The address may be misspelt, or what it showed was deleted."
		}
	case problem.Internal:
		v.Title, v.Detail = "Something went wrong inside Relay", "Its log has the details under the id of this request."
	case problem.Forbidden:
		v.Title = "Not allowed"
	default:
		v.Request = ""
	}
	for _, f := range p.Fields {
		v.Reasons = append(v.Reasons, f.Name+" "+f.Reason)
	}
	return answer{page: "failure", title: v.Title, status: p.Kind.Status(), data: v, block: "failure-note"}
}

type failureView struct {
	Title, Detail, Request string
	Reasons                []string
}

// asProblem finds what to tell of an error.
func asProblem(err error) *problem.Error {
	if p := new(problem.Error); errors.As(err, &p) {
		return p
	}
	return problem.Wrap(err, problem.Internal, "")
}

// sentence makes a problem's detail a sentence of its own.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

func notFound(context.Context, *request) (answer, error) {
	return answer{}, problem.New(problem.NotFound, "")
}

// path returns the path of a page of the tenant, below Base.
func (q *request) path(elements ...string) string {
	p := q.root
	for _, e := range elements {
		p += "/" + url.PathEscape(e)
	}
	return p
}
