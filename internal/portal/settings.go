package portal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// Kind names the settings of portals in storage.
const Kind registry.Kind = "portal"

// Settings are how a tenant's portal looks, and who may embed it.
type Settings struct {
	// Name is what the portal is called, in the title of its pages. Empty: "Webhooks".
	Name string `json:"name,omitempty"`
	// Logo is a PNG or SVG image of at most MaxLogo bytes; nil: there is none.
	Logo []byte `json:"logo,omitempty"`
	// Look is the portal's; links may replace parts of it.
	Look Look `json:"look"`
	// Start is the page that is shown first; empty: "webhooks".
	Start string `json:"start,omitempty"`
	// HideNavigation leaves out the portal's head with logo, name and menu.
	HideNavigation bool `json:"hideNavigation,omitempty"`
	// NoGutters leaves out the space around the pages.
	NoGutters bool `json:"noGutters,omitempty"`
	// Words replace phrases of the pages, each named by its English.
	Words map[string]string `json:"words,omitempty"`
	// EmbedOrigins are the sites that may show the portal in a frame, such as "https://app.example.com". Empty: none may.
	EmbedOrigins []string `json:"embedOrigins,omitempty"`
	// RefreshURL is the tenant's page with the portal, which customers are offered when a session has ended. Empty: there is
	// none.
	RefreshURL string `json:"refreshUrl,omitempty"`
}

// Look is the part of the looks that a link may replace. Empty fields leave the portal's as they are.
type Look struct {
	Accent   string `json:"accent,omitempty"`   // "#rrggbb"; see Shades for what becomes of it
	Radius   *int   `json:"radius,omitempty"`   // of corners, in pixels: 0 to 24
	Font     string `json:"font,omitempty"`     // "inter", "system", "serif"
	Theme    string `json:"theme,omitempty"`    // "auto", "light", "dark"
	Language string `json:"language,omitempty"` // "en", "de", "da"
}

// Bounds of the settings.
const (
	MaxLogo    = 100 << 10
	maxOrigins = 20
	maxWord    = 400
	maxRadius  = 24
)

// DefaultAccent is the accent of a portal that has none of its own.
const DefaultAccent = "#0b5fc4"

// Fonts, Themes and Languages list the values there are, the first of each being the default.
var (
	Fonts     = []string{"inter", "system", "serif"}
	Themes    = []string{"auto", "light", "dark"}
	Languages = []string{"en", "de", "da"}
)

// Over returns the look with what is empty taken from the one below.
func (l Look) Over(below Look) Look {
	for _, f := range []struct{ own, other *string }{{&l.Accent, &below.Accent}, {&l.Font, &below.Font}, {&l.Theme, &below.Theme}, {&l.Language, &below.Language}} {
		if *f.own == "" {
			*f.own = *f.other
		}
	}
	if l.Radius == nil {
		l.Radius = below.Radius
	}
	return l
}

// defaultRadius is that of Relay's own pages.
var defaultRadius = 9

// DefaultLook is complete.
var DefaultLook = Look{Accent: DefaultAccent, Radius: &defaultRadius, Font: Fonts[0], Theme: Themes[0], Language: Languages[0]}

func (l *Look) check(prefix string) (wrong []problem.Field) {
	add := func(field, reason string, args ...any) {
		wrong = append(wrong, problem.Field{Name: prefix + field, Reason: fmt.Sprintf(reason, args...)})
	}
	l.Accent = strings.ToLower(l.Accent)
	if _, ok := parseColor(l.Accent); l.Accent != "" && !ok {
		add("accent", "must be a color such as %s", DefaultAccent)
	}
	if l.Radius != nil && (*l.Radius < 0 || *l.Radius > maxRadius) {
		add("radius", "must be 0 to %d pixels", maxRadius)
	}
	for _, f := range []struct {
		name, value string
		list        []string
	}{{"font", l.Font, Fonts}, {"theme", l.Theme, Themes}, {"language", l.Language, Languages}} {
		if f.value != "" && !slices.Contains(f.list, f.value) {
			add(f.name, "must be one of %s", strings.Join(f.list, ", "))
		}
	}
	return wrong
}

// settingsName is the name of the only record of a tenant.
const settingsName = "settings"

func newSettings(ctx context.Context, store registry.RecordStore) (*registry.Records[Settings], error) {
	return registry.NewRecords(ctx, store, registry.RecordOptions[Settings]{
		Kind: Kind, Noun: "portal", Check: func(_ event.TenantID, _ string, s *Settings) error { return s.check() },
		Audited: func(s *Settings) any {
			shown := *s
			shown.Logo = nil
			return struct {
				Settings
				Logo string `json:"logo,omitempty"`
			}{shown, s.LogoHash()}
		},
	})
}

func (s *Settings) check() error {
	wrong := s.Look.check("")
	add := func(field, reason string, args ...any) {
		wrong = append(wrong, problem.Field{Name: field, Reason: fmt.Sprintf(reason, args...)})
	}
	if reason := checkText(s.Name, 100); reason != "" {
		add("name", "%s", reason)
	}
	if len(s.Logo) > 0 {
		if _, err := logoType(s.Logo); err != nil {
			add("logo", "%v", err)
		}
	}
	if s.Start != "" && !slices.Contains(starts, s.Start) {
		add("start", "must be one of %s", strings.Join(starts, ", "))
	}
	for phrase, word := range s.Words {
		field := fmt.Sprintf("words[%q]", problem.Clip(phrase))
		has := placeholders(phrase)
		switch reason := checkText(word, maxWord); {
		case !known(phrase):
			add(field, "is not a phrase of the portal; GET /v1/portal/words lists them")
		case reason != "" || word == "":
			add(field, "must be 1 to %d bytes of printable text", maxWord)
		case slices.ContainsFunc(placeholders(word), func(n string) bool { return !slices.Contains(has, n) }):
			add(field, "must have no placeholder that the phrase lacks")
		}
	}
	if len(s.EmbedOrigins) > maxOrigins {
		add("embedOrigins", "must have at most %d entries, got %d", maxOrigins, len(s.EmbedOrigins))
	}
	for i, origin := range s.EmbedOrigins {
		clean, ok := cleanOrigin(origin)
		if !ok {
			add(fmt.Sprintf("embedOrigins[%d]", i), "must be an exact origin, such as https://app.example.com: https, or http for localhost, without a path or *")
			continue
		}
		s.EmbedOrigins[i] = clean
	}
	if s.RefreshURL != "" {
		u, err := url.Parse(s.RefreshURL)
		if err != nil || u.Host == "" || u.User != nil || !secureSite(u) || len(s.RefreshURL) > 2000 {
			add("refreshUrl", "must be an https:// address, or http:// of localhost, of at most 2000 characters")
		}
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b problem.Field) int { return strings.Compare(a.Name, b.Name) })
		return &problem.Error{Kind: problem.Invalid, Detail: "the portal cannot be set up so", Fields: wrong}
	}
	return nil
}

// cleanOrigin returns an origin as browsers write it. It goes into a header, so that it must not hold anything else.
func cleanOrigin(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Path != "" && u.Path != "/" || !secureSite(u) {
		return "", false
	}
	host := strings.ToLower(u.Host)
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" {
		return "", false
	}
	if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	} else {
		host = strings.TrimSuffix(host, ":80")
	}
	return u.Scheme + "://" + host, true
}

// secureSite reports whether nobody on the way can change the pages at the address.
func secureSite(u *url.URL) bool {
	name := strings.ToLower(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (name == "localhost" || name == "127.0.0.1" || name == "::1" || strings.HasSuffix(name, ".localhost"))
}

// logoType returns the media type of a logo.
func logoType(b []byte) (string, error) {
	if len(b) > MaxLogo {
		return "", fmt.Errorf("must have at most %d bytes, got %d", MaxLogo, len(b))
	}
	if c, err := png.DecodeConfig(bytes.NewReader(b)); err == nil {
		if c.Width > 2000 || c.Height > 2000 {
			return "", fmt.Errorf("must have at most 2000 × 2000 pixels, got %d × %d", c.Width, c.Height)
		}
		return "image/png", nil
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = true
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) || err != nil {
			return "", errors.New("must be a PNG or an SVG image")
		}
		if start, ok := token.(xml.StartElement); ok {
			if start.Name.Local != "svg" || start.Name.Space != "http://www.w3.org/2000/svg" {
				return "", errors.New("must be a PNG or an SVG image")
			}
			return "image/svg+xml", nil
		}
	}
}

// LogoType returns the media type of the logo, "" without one.
func (s *Settings) LogoType() string {
	if len(s.Logo) == 0 {
		return ""
	}
	t, _ := logoType(s.Logo) // checked when it was stored
	return t
}

// LogoHash stands in the address of the logo, so that browsers can keep it; "" without one.
func (s *Settings) LogoHash() string {
	if len(s.Logo) == 0 {
		return ""
	}
	sum := sha256.Sum256(s.Logo)
	return hex.EncodeToString(sum[:8])
}

// Refresh reads the settings again, because another server may have changed them.
func (ps *Portals) Refresh(ctx context.Context) error { return ps.records.Refresh(ctx) }

func (ps *Portals) of(tenant event.TenantID) Settings {
	if it, err := ps.records.Get(tenant, settingsName); err == nil {
		return it.Value
	}
	return Settings{}
}

// Settings returns those of the principal's tenant. They must not be changed.
func (ps *Portals) Settings(p *access.Principal) Settings { return ps.of(p.Tenant) }

// Change lets edit change the settings of the principal's tenant.
func (ps *Portals) Change(ctx context.Context, p *access.Principal, edit func(*Settings) error) (Settings, error) {
	it, err := ps.records.Update(ctx, p, settingsName, func(it *registry.Item[Settings]) error { return edit(&it.Value) })
	if problem.KindOf(err) == problem.NotFound {
		v := Settings{}
		if err := edit(&v); err != nil {
			return v, err
		}
		it, err = ps.records.Create(ctx, p, settingsName, v)
	}
	if err != nil {
		return Settings{}, err
	}
	return it.Value, nil
}
