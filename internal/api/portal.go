package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Portals let customers of tenants manage their webhooks; portal.Portals does.
type Portals interface {
	ID(tenant event.TenantID) string
	Create(ctx context.Context, p *access.Principal, n portal.NewLink) (portal.MadeLink, error)
	List(ctx context.Context, p *access.Principal, q portal.Query) (list []portal.Link, more bool, err error)
	Count(ctx context.Context, tenant event.TenantID) (int64, error)
	End(ctx context.Context, p *access.Principal, id, session string) error
	Settings(p *access.Principal) portal.Settings
	Change(ctx context.Context, p *access.Principal, edit func(*portal.Settings) error) (portal.Settings, error)
}

// PortalTheme is the part of a portal's looks that a link may replace.
type PortalTheme struct {
	Accent   string `json:"accent" doc:"of links and buttons. It is made darker or lighter until text has a contrast of 4.5 to 1" example:"\"#0b5fc4\""`
	Radius   int    `json:"radius" doc:"of corners, in pixels" example:"9"`
	Font     string `json:"font" enum:"inter,system,serif"`
	Theme    string `json:"theme" enum:"auto,light,dark" doc:"auto: as the customer's system"`
	Language string `json:"language" enum:"en,de,da"`
}

// PortalThemeFields are looks that somebody chooses.
type PortalThemeFields struct {
	Accent   rest.Opt[string] `json:"accent" doc:"of links and buttons: a color such as #0b5fc4. It is made darker or lighter until text has a contrast of 4.5 to 1" example:"\"#0b5fc4\""`
	Radius   rest.Opt[int]    `json:"radius" doc:"of corners, in pixels" min:"0" max:"24"`
	Font     rest.Opt[string] `json:"font" enum:"inter,system,serif"`
	Theme    rest.Opt[string] `json:"theme" enum:"auto,light,dark" doc:"auto: as the customer's system"`
	Language rest.Opt[string] `json:"language" enum:"en,de,da"`
}

func (f *PortalThemeFields) apply(l *portal.Look) {
	f.Accent.Apply(&l.Accent, "")
	f.Font.Apply(&l.Font, "")
	f.Theme.Apply(&l.Theme, "")
	f.Language.Apply(&l.Language, "")
	if f.Radius.Given {
		l.Radius = nil
		if !f.Radius.Null {
			l.Radius = &f.Radius.Value
		}
	}
}

func showTheme(l portal.Look) PortalTheme {
	l = l.Over(portal.DefaultLook)
	return PortalTheme{l.Accent, *l.Radius, l.Font, l.Theme, l.Language}
}

// Portal is how a tenant's portal is set up.
type Portal struct {
	ID             string            `json:"id" doc:"stands in the portal's addresses" example:"\"po_6b1f0c9d2e8a47530f61\""`
	Name           string            `json:"name" example:"\"Acme Webhooks\""`
	Logo           string            `json:"logo" doc:"as a data: address; empty: none"`
	Theme          PortalTheme       `json:"theme"`
	Start          string            `json:"start" enum:"webhooks,webhooks/new,log,types" doc:"the page that is shown first"`
	HideNavigation bool              `json:"hideNavigation"`
	NoGutters      bool              `json:"noGutters"`
	Words          map[string]string `json:"words"`
	EmbedOrigins   []string          `json:"embedOrigins" example:"[\"https://app.example.com\"]"`
	RefreshURL     string            `json:"refreshUrl" example:"\"https://app.example.com/webhooks/portal\""`
}

func (a *API) showPortal(c *access.Principal, s portal.Settings) *Portal {
	v := &Portal{
		ID: a.Portals.ID(c.Tenant), Name: s.Name, Theme: showTheme(s.Look), Start: s.Start, HideNavigation: s.HideNavigation, NoGutters: s.NoGutters,
		Words: s.Words, EmbedOrigins: slices.Clone(s.EmbedOrigins), RefreshURL: s.RefreshURL,
	}
	if t := s.LogoType(); t != "" {
		v.Logo = "data:" + t + ";base64," + base64.StdEncoding.EncodeToString(s.Logo)
	}
	if v.Start == "" {
		v.Start = portal.Starts()[0]
	}
	if v.Words == nil {
		v.Words = map[string]string{}
	}
	if v.EmbedOrigins == nil {
		v.EmbedOrigins = []string{}
	}
	return v
}

var docPortalGet = rest.Doc{ID: "getPortal", Tag: "Portal", Summary: "Get the portal's settings"}

func (a *API) portalGet(_ context.Context, c *access.Principal, _ *rest.None) (*Portal, error) {
	return a.showPortal(c, a.Portals.Settings(c)), nil
}

// UpdatePortal is the request to change the settings of the portal.
type UpdatePortal struct {
	Name           rest.Opt[string]            `json:"name" maxLength:"100" doc:"in the title and the head of the pages" default:"\"\"" example:"\"Acme Webhooks\""`
	Logo           rest.Opt[string]            `json:"logo" doc:"a PNG or SVG image of up to 100 KiB, as a data: address in base 64; null or empty: none" default:"\"\"" example:"\"data:image/png;base64,…\""`
	Theme          rest.Opt[PortalThemeFields] `json:"theme" doc:"those that are left out stay as they are"`
	Start          rest.Opt[string]            `json:"start" enum:"webhooks,webhooks/new,log,types" default:"\"webhooks\"" doc:"the page that is shown first, unless a link says otherwise"`
	HideNavigation rest.Opt[bool]              `json:"hideNavigation" default:"false" doc:"leaves out the head with logo, name and menu, for a frame below a menu of your own"`
	NoGutters      rest.Opt[bool]              `json:"noGutters" default:"false" doc:"leaves out the space around the pages"`
	Words          rest.Opt[map[string]string] `json:"words" default:"{}" doc:"what the pages say instead of a phrase, by the phrase in English; see listPortalWords" example:"{\"Webhooks\":\"Callbacks\"}"`
	EmbedOrigins   rest.Opt[[]string]          `json:"embedOrigins" default:"[]" maxItems:"20" doc:"the sites that may show the portal in a frame, exactly: scheme, host, and the port if it is not the usual one. None by default" example:"[\"https://app.example.com\"]"`
	RefreshURL     rest.Opt[string]            `json:"refreshUrl" default:"\"\"" doc:"your page with the portal; people whose session has ended are offered the way there" example:"\"https://app.example.com/webhooks/portal\""`
}

// Room implements rest.Roomy: a logo takes more than other objects.
func (*UpdatePortal) Room() (bytes int64, depth int) { return 256 << 10, 4 }

func (u *UpdatePortal) apply(s *portal.Settings) error {
	u.Name.Apply(&s.Name, "")
	u.Start.Apply(&s.Start, "")
	u.HideNavigation.Apply(&s.HideNavigation, false)
	u.NoGutters.Apply(&s.NoGutters, false)
	u.Words.Apply(&s.Words, nil)
	u.EmbedOrigins.Apply(&s.EmbedOrigins, nil)
	u.RefreshURL.Apply(&s.RefreshURL, "")
	if u.Theme.Given {
		if u.Theme.Null {
			s.Look = portal.Look{}
		} else {
			u.Theme.Value.apply(&s.Look)
		}
	}
	if u.Logo.Given {
		s.Logo = nil
		if text := u.Logo.Value; text != "" {
			head, data, ok := strings.Cut(text, ",")
			b, err := base64.StdEncoding.DecodeString(data)
			if !ok || err != nil || len(b) == 0 || !strings.HasPrefix(head, "data:image/") || !strings.HasSuffix(head, ";base64") {
				return problem.InvalidField("logo", "must be a data: address of a PNG or SVG image in base 64")
			}
			s.Logo = b
		}
	}
	return nil
}

var docPortalUpdate = rest.Doc{ID: "updatePortal", Tag: "Portal", Summary: "Change the portal's settings",
	Text: "How the pages look that your customers see, and which sites may embed them. What is left out stays as it is."}

type updatePortalInput struct {
	Body UpdatePortal `body:"required"`
}

func (a *API) portalUpdate(ctx context.Context, c *access.Principal, in *updatePortalInput) (*Portal, error) {
	s, err := a.Portals.Change(ctx, c, in.Body.apply)
	if err != nil {
		return nil, err
	}
	return a.showPortal(c, s), nil
}

// PortalWord is a phrase of the portal's pages.
type PortalWord struct {
	Phrase string `json:"phrase" doc:"in English, as words names it" example:"\"Add webhook\""`
	Word   string `json:"word" doc:"in the language, before words of your own" example:"\"Webhook hinzufügen\""`
}

var docPortalWords = rest.Doc{ID: "listPortalWords", Tag: "Portal", Summary: "List the words of the portal's pages", Text: "By the alphabet. The list is never paged."}

type portalWordsQuery struct {
	Language string `query:"language" enum:"en,de,da" default:"\"en\""`
}

func (a *API) portalWords(_ context.Context, _ *access.Principal, in *portalWordsQuery) (*rest.List[PortalWord], error) {
	words := portal.WordsOf(in.Language, nil)
	data := []PortalWord{}
	for _, phrase := range portal.Phrases() {
		data = append(data, PortalWord{phrase, words.Say(phrase)})
	}
	return rest.PageOf(data, ""), nil
}

// PortalUser is a customer in your own words.
type PortalUser struct {
	ID   string `json:"id" maxLength:"200" doc:"the audit log has it with every change the customer makes" example:"\"user_42\""`
	Name string `json:"name" maxLength:"200" example:"\"Ana Lima\""`
}

// PortalUserFields are a customer in your own words.
type PortalUserFields struct {
	ID   string `json:"id" maxLength:"200" doc:"the audit log has it with every change the customer makes" example:"\"user_42\""`
	Name string `json:"name" maxLength:"200" example:"\"Ana Lima\""`
}

// PortalLink is a link into the portal.
type PortalLink struct {
	ID           string     `json:"id" example:"\"pl_0199f3c9d2e8a47530f61b2c3d4e\""`
	URL          string     `json:"url,omitempty" doc:"for a frame or a tab; shown this once. The key is behind the #, which browsers send to nobody" example:"\"https://relay.example.com/portal/po_…/enter#rpk_…\""`
	ExpiresAt    rest.Time  `json:"expiresAt" doc:"until then it can be opened, 20 times at most"`
	Capabilities []string   `json:"capabilities" example:"[\"view\",\"manage\"]"`
	Webhooks     []string   `json:"webhooks" example:"[\"customer=acme\"]"`
	EventTypes   []string   `json:"eventTypes" example:"[\"order.*\"]"`
	Filter       string     `json:"filter"`
	User         PortalUser `json:"user"`
	SessionID    string     `json:"sessionId"`
	Opens        int        `json:"opens" doc:"how often it was opened"`
	CreatedAt    rest.Time  `json:"createdAt"`
}

func showLink(l *portal.Link) *PortalLink {
	v := &PortalLink{
		ID: l.ID, ExpiresAt: rest.Time(l.ExpiresAt), Webhooks: append([]string{}, l.Grant.Webhooks...), EventTypes: append([]string{}, l.Grant.EventTypes...),
		Filter: l.Grant.Filter, User: PortalUser(l.Grant.User), SessionID: l.Session, Opens: l.Opens, CreatedAt: rest.Time(l.CreatedAt),
	}
	for _, c := range l.Grant.Capabilities {
		v.Capabilities = append(v.Capabilities, string(c))
	}
	return v
}

// CreatePortalLink is the request to make a link into the portal.
type CreatePortalLink struct {
	Capabilities rest.Opt[[]string]          `json:"capabilities" maxItems:"6" default:"[\"view\"]" doc:"view: see webhooks and their log, which every link allows; manage: add, change, pause and delete webhooks; test; replay: retry, cancel and recover; secret: see and rotate secrets; transform: change filters and transforms" example:"[\"view\",\"manage\",\"test\",\"secret\"]"`
	Webhooks     rest.Opt[[]string]          `json:"webhooks" maxItems:"100" default:"[]" doc:"ids of webhooks, or labels such as customer=acme, one of which a webhook must have to be seen. Webhooks added in the portal get the labels. Empty: all webhooks of the tenant" example:"[\"customer=acme\"]"`
	EventTypes   rest.Opt[[]string]          `json:"eventTypes" maxItems:"100" default:"[]" doc:"names and globs of the event types that can be chosen and seen; empty: all" example:"[\"order.*\"]"`
	Filter       rest.Opt[string]            `json:"filter" maxLength:"4096" default:"\"\"" doc:"the filter of webhooks added in the portal, which cannot be changed there: where customers share a tenant, it keeps their events apart" example:"\"event.data.customer == 'acme'\""`
	ExpiresIn    rest.Opt[rest.Duration]     `json:"expiresIn" default:"\"1h\"" doc:"how long the link can be opened, up to 168h. A session lasts 8 hours from then on"`
	SessionID    rest.Opt[string]            `json:"sessionId" maxLength:"200" doc:"the session of your product; deleting links by it ends the customer's sessions in the portal, too" example:"\"sess_9\""`
	User         rest.Opt[PortalUserFields]  `json:"user" doc:"who the link is for, for the audit log"`
	Next         rest.Opt[string]            `json:"next" enum:"webhooks,webhooks/new,log,types" doc:"the page that is shown first; left out: as the portal's settings say"`
	Theme        rest.Opt[PortalThemeFields] `json:"theme" doc:"in place of the portal's"`
}

var docPortalLinkCreate = rest.Doc{ID: "createPortalLink", Tag: "Portal", Summary: "Make a link into the portal", Status: 201,
	Text: "The answer shows its address, for the only time. Your server makes one whenever a customer opens the page with the frame."}

type createPortalLinkInput struct {
	Request *http.Request
	Body    CreatePortalLink `body:"required"`
}

func (a *API) portalLinkCreate(ctx context.Context, c *access.Principal, in *createPortalLinkInput) (*PortalLink, error) {
	b := &in.Body
	n := portal.NewLink{Session: b.SessionID.Value, ExpiresIn: time.Duration(b.ExpiresIn.Value)}
	if b.ExpiresIn.Given && !b.ExpiresIn.Null && n.ExpiresIn == 0 {
		return nil, problem.InvalidField("expiresIn", "must be 1m to %v", portal.LinkMost)
	}
	for _, name := range b.Capabilities.Value {
		n.Capabilities = append(n.Capabilities, access.Capability(name))
	}
	n.Scope = portal.Scope{Webhooks: b.Webhooks.Value, EventTypes: b.EventTypes.Value, Filter: b.Filter.Value}
	n.User, n.Next = portal.User(b.User.Value), b.Next.Value
	b.Theme.Value.apply(&n.Look)
	made, err := a.Portals.Create(ctx, c, n)
	if err != nil {
		return nil, err
	}
	v := showLink(&made.Link)
	v.URL = a.SignIn.Address(in.Request) + made.Path
	return v, nil
}

var docPortalLinkList = rest.Doc{ID: "listPortalLinks", Tag: "Portal", Summary: "List links into the portal", Text: "Those that can still be opened, the oldest first. Their addresses are not shown again."}

type portalLinkQuery struct {
	rest.Page
	SessionID string `query:"sessionId" doc:"only links made for it"`
}

func (a *API) portalLinkList(ctx context.Context, c *access.Principal, in *portalLinkQuery) (*rest.List[PortalLink], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, more, err := a.Portals.List(ctx, c, portal.Query{Session: in.SessionID, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	data := make([]PortalLink, len(list))
	for i := range list {
		data[i] = *showLink(&list[i])
	}
	next := ""
	if more {
		next = rest.TextCursor(list[len(list)-1].ID)
	}
	return rest.PageOf(data, next), nil
}

var docPortalSessionEnd = rest.Doc{ID: "endPortalSession", Tag: "Portal", Summary: "End the portal sessions of a session", Status: 204,
	Text: "Withdraws all links made for the session of your product, and ends at once what was begun by them, at every server. Call it when the customer signs out. That there are none is no error."}

type portalSessionInput struct {
	SessionID string `query:"sessionId" required:"true" doc:"as given with the links"`
}

func (a *API) portalSessionEnd(ctx context.Context, c *access.Principal, in *portalSessionInput) (*rest.None, error) {
	if in.SessionID == "" {
		return nil, problem.InvalidField("sessionId", "must be given")
	}
	err := a.Portals.End(ctx, c, "", in.SessionID)
	if problem.KindOf(err) == problem.NotFound {
		err = nil
	}
	return nil, err
}

type portalLinkPath struct {
	ID string `path:"id" doc:"the link's id"`
}

var docPortalLinkEnd = rest.Doc{ID: "deletePortalLink", Tag: "Portal", Summary: "Withdraw a link into the portal", Status: 204, Text: "Ends the sessions begun by it, too."}

func (a *API) portalLinkEnd(ctx context.Context, c *access.Principal, in *portalLinkPath) (*rest.None, error) {
	return nil, a.Portals.End(ctx, c, in.ID, "")
}
