package dashboard

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Portals let customers of tenants manage their webhooks; portal.Portals does.
type Portals interface {
	Find(id string) (account.Tenant, portal.Settings, bool)
	ID(tenant event.TenantID) string
	Open(ctx context.Context, from access.Request, tenant event.TenantID, key string) (portal.Opened, error)
	Resume(ctx context.Context, tenant event.TenantID, token string) (*portal.Session, *access.Principal, error)
	Create(ctx context.Context, p *access.Principal, n portal.NewLink) (portal.MadeLink, error)
	List(ctx context.Context, p *access.Principal, q portal.Query) (list []portal.Link, more bool, err error)
	End(ctx context.Context, p *access.Principal, id, session string) error
	Settings(p *access.Principal) portal.Settings
	Change(ctx context.Context, p *access.Principal, edit func(*portal.Settings) error) (portal.Settings, error)
}

// visit is the portal that a page is shown in.
type visit struct {
	ID       string
	Settings portal.Settings
	Look     portal.Look // complete
	Session  *portal.Session
	MayAdd   bool // webhooks can be added to the scope
	words    portal.Words
}

// portalRoute is a route of the portals: the same pages as a person's, which see the scope of a session.
type portalRoute struct {
	pattern string
	open    bool // no session is needed
	needs   access.Permission
	serve   func(d *Dashboard, ctx context.Context, q *request) (answer, error)
}

// portalTable returns the routes below /portal. Which capability has which permission, package access says.
func portalTable() []portalRoute {
	return []portalRoute{
		{pattern: "GET /portal/{portal}/enter", open: true, serve: (*Dashboard).portalEnter},
		{pattern: "POST /portal/{portal}/enter", open: true, serve: (*Dashboard).portalOpen},
		{pattern: "GET /portal/{portal}/ended", open: true, serve: (*Dashboard).portalEnded},
		{pattern: "GET /portal/{portal}/{$}", needs: access.View, serve: (*Dashboard).portalStart},

		{pattern: "GET /portal/{portal}/webhooks", needs: access.View, serve: (*Dashboard).webhookList},
		{pattern: "GET /portal/{portal}/webhooks/new", needs: access.EditWebhooks, serve: (*Dashboard).webhookNew},
		{pattern: "POST /portal/{portal}/webhooks/new", needs: access.EditWebhooks, serve: (*Dashboard).webhookCreate},
		{pattern: "GET /portal/{portal}/webhooks/{id}", needs: access.View, serve: (*Dashboard).webhookPage},
		{pattern: "GET /portal/{portal}/webhooks/{id}/edit", needs: access.EditWebhooks, serve: (*Dashboard).webhookEdit},
		{pattern: "POST /portal/{portal}/webhooks/{id}/edit", needs: access.EditWebhooks, serve: (*Dashboard).webhookSave},
		{pattern: "POST /portal/{portal}/webhooks/{id}/test", needs: access.TestWebhooks, serve: (*Dashboard).webhookTest},
		{pattern: "POST /portal/{portal}/webhooks/{id}/pause", needs: access.EditWebhooks, serve: (*Dashboard).webhookPause},
		{pattern: "POST /portal/{portal}/webhooks/{id}/resume", needs: access.EditWebhooks, serve: (*Dashboard).webhookResume},
		{pattern: "GET /portal/{portal}/webhooks/{id}/rotate", needs: access.RotateSecrets, serve: (*Dashboard).webhookRotatePage},
		{pattern: "POST /portal/{portal}/webhooks/{id}/rotate", needs: access.RotateSecrets, serve: (*Dashboard).webhookRotate},
		{pattern: "GET /portal/{portal}/webhooks/{id}/recover", needs: access.Redeliver, serve: (*Dashboard).recoverPage},
		{pattern: "POST /portal/{portal}/webhooks/{id}/recover", needs: access.Redeliver, serve: (*Dashboard).recover},
		{pattern: "GET /portal/{portal}/webhooks/{id}/recover/count", needs: access.Redeliver, serve: (*Dashboard).recoverCount},
		{pattern: "GET /portal/{portal}/webhooks/{id}/delete", needs: access.EditWebhooks, serve: (*Dashboard).webhookDeletePage},
		{pattern: "POST /portal/{portal}/webhooks/{id}/delete", needs: access.EditWebhooks, serve: (*Dashboard).webhookDelete},
		{pattern: "GET /portal/{portal}/jobs/{job}", needs: access.View, serve: (*Dashboard).jobPage},
		{pattern: "POST /portal/{portal}/jobs/{job}/cancel", needs: access.Redeliver, serve: (*Dashboard).jobCancel},

		{pattern: "GET /portal/{portal}/log", needs: access.View, serve: (*Dashboard).logPage},
		{pattern: "GET /portal/{portal}/log/{id}", needs: access.View, serve: (*Dashboard).attemptPage},
		{pattern: "POST /portal/{portal}/log/{id}/retry", needs: access.Redeliver, serve: (*Dashboard).attemptRetry},
		{pattern: "POST /portal/{portal}/log/{id}/doctor", needs: access.TestWebhooks, serve: (*Dashboard).attemptDoctor},
		{pattern: "POST /portal/{portal}/log/{id}/cancel", needs: access.Redeliver, serve: (*Dashboard).attemptCancel},

		{pattern: "GET /portal/{portal}/types", needs: access.View, serve: (*Dashboard).typeList},
		{pattern: "GET /portal/{portal}/types/{name}", needs: access.View, serve: (*Dashboard).typePage},
	}
}

// portalMenu is the navigation of portals.
var portalMenu = []navigation{
	{Name: "Webhooks", Path: "webhooks", Icon: "webhook", Key: "webhooks"},
	{Name: "Log", Path: "log", Icon: "scroll-text", Key: "log"},
	{Name: "Event types", Path: "types", Icon: "tag", Key: "types"},
}

// servePortals adds the routes of the portals.
func (d *Dashboard) servePortals() {
	for _, rt := range portalTable() {
		d.mux.Handle(rt.pattern, d.portalHandler(&rt))
	}
	d.portalMissing = d.portalHandler(&portalRoute{pattern: "/portal/", open: true, serve: func(*Dashboard, context.Context, *request) (answer, error) {
		return answer{}, problem.New(problem.NotFound, "")
	}})
	d.mux.Handle("/portal/", d.portalMissing)
	d.mux.HandleFunc("GET /portal/{portal}/{file}", d.portalFile)
	d.mux.HandleFunc("GET /portal/"+elementFile, d.portalElement)
}

// portalHandler is the adapter of the portals' routes.
func (d *Dashboard) portalHandler(rt *portalRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := &request{Request: r, d: d, nonce: newNonce(), id: web.RequestID(w), part: r.Header.Get("HX-Request") == "true"}
		in, err := d.visit(q)
		var a answer
		if err == nil {
			a, err = in.answerPortal(rt, q)
		}
		if err == nil {
			err = in.send(w, q, &a)
		}
		if err == nil {
			return
		}
		a = in.portalFailure(q, err)
		if err := in.send(w, q, &a); err != nil {
			d.Log.ErrorContext(r.Context(), "a page could not be made", "request", q.id, "route", rt.pattern, "error", err)
			web.Send(w, http.StatusInternalServerError, "text/plain; charset=utf-8", []byte("Something went wrong.\n"))
		}
	})
}

// visit finds the portal that a request is for and whoever visits it, and returns the pages that they see. It always
// returns pages, in which its error can be shown.
func (d *Dashboard) visit(q *request) (*Dashboard, error) {
	q.visit = &visit{ID: q.PathValue("portal"), Look: portal.DefaultLook}
	q.root = "/portal/" + url.PathEscape(q.visit.ID)
	nobody := func(err error) (*Dashboard, error) {
		in, setErr := d.within(&portal.Grant{}, q.visit.words)
		in.Webhooks, in.Engine, in.Ledger, in.Types = nil, nil, nil, nil
		return in, errors.Join(err, setErr)
	}
	t, settings, ok := d.Portals.Find(q.visit.ID)
	if !ok {
		return nobody(problem.New(problem.NotFound, ""))
	}
	q.tenant, q.visit.Settings = t, settings
	q.visit.look(settings.Look)
	token := ""
	if d.SignIn.Allowed(q.Request) {
		token = d.SignIn.PortalToken(q.Request, q.visit.ID)
	}
	session, who, err := d.Portals.Resume(q.Context(), t.ID, token)
	if err != nil {
		if problem.KindOf(err) == problem.Unauthorized {
			err = nil
		}
		return nobody(err)
	}
	who.Request = d.from(q)
	q.who, q.visit.Session, q.visit.MayAdd = who, session, session.Grant.MayAdd()
	q.visit.look(session.Grant.Look.Over(settings.Look))
	return d.within(&session.Grant, q.visit.words)
}

func (v *visit) look(l portal.Look) {
	v.Look = l.Over(portal.DefaultLook)
	v.words = portal.WordsOf(v.Look.Language, v.Settings.Words)
}

// answerPortal runs the handler of a route, if whoever asks may.
func (d *Dashboard) answerPortal(rt *portalRoute, q *request) (answer, error) {
	if err := d.SignIn.OwnPage(q.Request, true); err != nil {
		return answer{}, err
	}
	if err := q.readForm(); err != nil {
		return answer{}, err
	}
	if !rt.open {
		if q.who == nil {
			return answer{}, problem.New(problem.Unauthorized, "")
		}
		if !q.who.Allows(rt.needs) {
			return answer{}, problem.New(problem.Forbidden, "")
		}
	}
	return rt.serve(d, q.Context(), q)
}

// portalFailure is the page of a portal that says what went wrong. It tells nothing of the tenant.
func (d *Dashboard) portalFailure(q *request, err error) answer {
	p := asProblem(err)
	if p.Kind == problem.Unauthorized {
		return answer{page: "portal-ended", title: "Your session has ended", status: http.StatusUnauthorized, data: q.visit}
	}
	if p.Kind == problem.Internal && q.Context().Err() == nil {
		d.Log.ErrorContext(q.Context(), "portal page failed", "request", q.id, "path", q.URL.Path, "error", err)
	}
	v := failureView{Title: p.Kind.Title(), Request: q.id}
	switch p.Kind {
	case problem.NotFound:
		v.Title, v.Detail = "There is nothing here", "The address may be misspelt, or what it showed was deleted."
	case problem.Internal:
		v.Title, v.Detail = "Something went wrong", "Please try again. If it stays, tell the support the id of this request."
	case problem.Forbidden:
		v.Title, v.Detail = "Not allowed", "You cannot do this here."
	default:
		v.Detail, v.Request = sentence(p.Detail), ""
		for _, f := range p.Fields {
			v.Reasons = append(v.Reasons, f.Reason)
		}
	}
	return answer{page: "portal-failure", title: v.Title, status: p.Kind.Status(), data: v, block: "failure-note"}
}

// portalEnter is the page that a link leads to. Its script sends the key, which stands behind the # of the address and
// never reaches the server by itself.
func (d *Dashboard) portalEnter(_ context.Context, q *request) (answer, error) {
	if q.tenant.Name == "" {
		return answer{}, problem.New(problem.NotFound, "")
	}
	return answer{page: "portal-enter", title: "Opening", data: q.visit, secret: true}, nil
}

// portalOpen begins a session by the key of a link.
func (d *Dashboard) portalOpen(ctx context.Context, q *request) (answer, error) {
	if err := d.maySignIn(q.Request); err != nil {
		return answer{}, err
	}
	o, err := d.Portals.Open(ctx, d.from(q), q.tenant.ID, q.form.Get("key"))
	if problem.KindOf(err) == problem.NotFound {
		a, _ := d.portalEnded(ctx, q)
		a.status = http.StatusNotFound
		return a, nil
	}
	if err != nil {
		return answer{}, err
	}
	c := d.SignIn.PortalCookie(q.visit.ID, o.Token)
	c.MaxAge = int(portal.SessionLasts.Seconds())
	return answer{to: q.path(strings.Split(firstOf(&o.Session, &q.visit.Settings), "/")...), cookies: []*http.Cookie{c}}, nil
}

// portalEnded says that a link opens nothing.
func (d *Dashboard) portalEnded(_ context.Context, q *request) (answer, error) {
	if q.tenant.Name == "" {
		return answer{}, problem.New(problem.NotFound, "")
	}
	return answer{page: "portal-ended", title: "This link is no longer valid", data: q.visit}, nil
}

// firstOf returns the page that a session begins with.
func firstOf(s *portal.Session, set *portal.Settings) string {
	for _, page := range []string{s.Grant.Next, set.Start} {
		if page == "webhooks/new" && (!slices.Contains(s.Grant.Capabilities, access.CapManage) || !s.Grant.MayAdd()) {
			continue
		}
		if page != "" {
			return page
		}
	}
	return portal.Starts()[0]
}

func (d *Dashboard) portalStart(_ context.Context, q *request) (answer, error) {
	return answer{to: q.path(strings.Split(firstOf(q.visit.Session, &q.visit.Settings), "/")...)}, nil
}

const (
	themePrefix = "theme-"
	logoPrefix  = "logo-"
)

// portalFile serves the style sheet of a look and the logo. Both are named by what they hold, and kept by browsers.
func (d *Dashboard) portalFile(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	file := r.PathValue("file")
	if name, ok := strings.CutPrefix(strings.TrimSuffix(file, ".css"), themePrefix); ok {
		if css, ok := portal.Sheet(name); ok {
			h.Set("Cache-Control", "public, max-age=86400")
			web.Send(w, http.StatusOK, "text/css; charset=utf-8", []byte(css))
			return
		}
	}
	if hash, ok := strings.CutPrefix(file, logoPrefix); ok {
		if _, s, ok := d.Portals.Find(r.PathValue("portal")); ok && len(s.Logo) > 0 && s.LogoHash() == hash {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
			h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox") // an SVG's own styles
			web.Send(w, http.StatusOK, s.LogoType(), s.Logo)
			return
		}
	}
	for _, name := range []string{"Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options"} {
		h.Del(name) // the page has its own
	}
	d.portalMissing.ServeHTTP(w, r)
}

// elementFile defines <relay-portal>. Sites load it from here, whose address stays.
const elementFile = "relay-portal.js"

// portalElement serves the file that sites with portals load.
func (d *Dashboard) portalElement(w http.ResponseWriter, r *http.Request) {
	f := d.assets.files[elementFile]
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // a site may ask for it as a module, or with its hash
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=3600")
	f.send(w, r)
}

// Name is what the portal is called.
func (v *visit) Name() string {
	if v.Settings.Name != "" {
		return v.Settings.Name
	}
	return v.words.Say("Webhooks")
}

// Sheet is the path of the portal's style sheet.
func (v *visit) Sheet() string {
	return "/portal/" + url.PathEscape(v.ID) + "/" + themePrefix + v.Look.SheetName() + ".css"
}

// Logo is the path of the portal's logo, "" without one.
func (v *visit) Logo() string {
	if hash := v.Settings.LogoHash(); hash != "" {
		return "/portal/" + url.PathEscape(v.ID) + "/" + logoPrefix + hash
	}
	return ""
}

// Origins are the sites that may embed the portal, as the script wants them.
func (v *visit) Origins() string { return strings.Join(v.Settings.EmbedOrigins, " ") }

// Ends is when the session ends, in seconds since 1970; 0 without one.
func (v *visit) Ends() int64 {
	if v.Session == nil {
		return 0
	}
	return v.Session.ExpiresAt.Unix()
}

// ancestors is what the pages' policy says of frames.
func (v *visit) ancestors() string {
	if v == nil || len(v.Settings.EmbedOrigins) == 0 {
		return "'none'"
	}
	return strings.Join(v.Settings.EmbedOrigins, " ")
}
