package dashboard

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/problem"
)

// portalForm is the tab Portal: how the portal looks, who may embed it, and the links into it.
type portalForm struct {
	ID         string
	Name       string
	Accent     accentView
	Radius     string
	Start      string
	HideMenu   bool
	NoGutters  bool
	Origins    string // a line each
	RefreshURL string
	Logo       string // its address; empty: there is none
	OwnWords   int
	Font       string
	Theme      string
	Language   string
	Wrong      map[string]string
	Saved      bool

	Fonts, Themes, Languages, Starts []choice

	Links []portalLinkView
	More  bool
	New   newLinkForm
	URL   string // of a link that was just made, shown this once
	Until time.Time
}

// accentView tells what becomes of an accent.
type accentView struct {
	Value string
	Sheet string // the path of the style sheet that has it, for the preview
	// Light and Dark are the accent's shades in both themes; they are as chosen where Moved says not.
	Light, Dark           string
	MovedLight, MovedDark bool
}

// portalLinkView is a link in the list.
type portalLinkView struct {
	portal.Link
	Who   string
	Scope []string
}

// newLinkForm is the form by which a link is made by hand.
type newLinkForm struct {
	Capabilities         []capabilityView
	UserID, UserName     string
	Webhooks, EventTypes string // a line each
	Filter               string
	Session              string
	Lasts                string
	Lasting              []choice
	Wrong                map[string]string
}

type capabilityView struct {
	Value    access.Capability
	Sentence string
	Checked  bool
}

var (
	fontChoices     = []choice{{"inter", "Inter"}, {"system", "The system's"}, {"serif", "Serif"}}
	themeChoices    = []choice{{"auto", "As the customer's system"}, {"light", "Light"}, {"dark", "Dark"}}
	languageChoices = []choice{{"en", "English"}, {"de", "Deutsch"}, {"da", "Dansk"}}
	startChoices    = []choice{{"webhooks", "Webhooks"}, {"webhooks/new", "Add webhook"}, {"log", "Log"}, {"types", "Event types"}}
	linkChoices     = []choice{{"1h", "an hour"}, {"24h", "a day"}, {"168h", "7 days"}}

	capabilitySentences = map[access.Capability]string{
		access.CapView: "See the webhooks, their log and event types. Every link allows it.", access.CapManage: "Add, change, pause and delete webhooks.",
		access.CapTest: "Send an example.", access.CapReplay: "Retry, cancel and recover.",
		access.CapSecret: "See the secret of a webhook that was just added, and rotate it.", access.CapTransform: "Change filters and transforms, besides manage.",
	}
)

// perLinkPage is how many links the tab lists.
const perLinkPage = 50

// accentOf works out an accent as the pages show it. What is no color is shown as the default.
func (d *Dashboard) accentOf(id string, look portal.Look) accentView {
	shown := look
	if _, ok := portal.Sheet(shown.SheetName()); !ok {
		shown = portal.Look{}
	}
	shown = shown.Over(portal.DefaultLook)
	s := portal.ShadesOf(shown.Accent)
	v := accentView{Value: shown.Accent, Sheet: d.Base + "/portal/" + id + "/" + themePrefix + shown.SheetName() + ".css", Light: s.Light, Dark: s.Dark}
	v.MovedLight, v.MovedDark = s.Moved(shown.Accent)
	return v
}

// portalForm returns the tab as it is stored.
func (d *Dashboard) portalForm(ctx context.Context, q *request) (*portalForm, error) {
	s := d.Portals.Settings(q.who)
	look := s.Look.Over(portal.DefaultLook)
	f := &portalForm{
		ID: d.Portals.ID(q.who.Tenant), Name: s.Name, Radius: strconv.Itoa(*look.Radius), Font: look.Font, Theme: look.Theme, Language: look.Language, Start: s.Start,
		HideMenu: s.HideNavigation, NoGutters: s.NoGutters, Origins: strings.Join(s.EmbedOrigins, "\n"), RefreshURL: s.RefreshURL, OwnWords: len(s.Words),
		Wrong: map[string]string{}, Fonts: fontChoices, Themes: themeChoices, Languages: languageChoices, Starts: startChoices,
	}
	f.Accent = d.accentOf(f.ID, look)
	if hash := s.LogoHash(); hash != "" {
		f.Logo = d.Base + "/portal/" + f.ID + "/" + logoPrefix + hash
	}
	f.New = newLinkForm{Lasts: linkChoices[0].Value, Lasting: linkChoices, Wrong: map[string]string{}}
	for _, c := range access.Capabilities {
		f.New.Capabilities = append(f.New.Capabilities, capabilityView{c, capabilitySentences[c], c != access.CapReplay && c != access.CapTransform})
	}
	return f, d.listLinks(ctx, q, f)
}

func (d *Dashboard) listLinks(ctx context.Context, q *request, f *portalForm) error {
	list, more, err := d.Portals.List(ctx, q.who, portal.Query{Limit: perLinkPage})
	if err != nil {
		return fmt.Errorf("listing portal links: %w", err)
	}
	f.Links, f.More = nil, more
	for _, l := range list {
		who := l.Grant.User.Name
		if who == "" {
			who = l.Grant.User.ID
		}
		f.Links = append(f.Links, portalLinkView{l, who, append(slices.Clone(l.Grant.Webhooks), l.Grant.EventTypes...)})
	}
	return nil
}

func (d *Dashboard) portalTab(q *request, f *portalForm) answer {
	return q.accountAnswer("portal", "portal", "Portal", f)
}

func (d *Dashboard) portalPage(ctx context.Context, q *request) (answer, error) {
	f, err := d.portalForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.Saved = q.URL.Query().Get("saved") != ""
	return d.portalTab(q, f), nil
}

// portalAccent answers with what becomes of an accent, while it is being chosen.
func (d *Dashboard) portalAccent(_ context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	radius, err := strconv.Atoi(p.Get("radius"))
	look := portal.Look{Accent: strings.ToLower(p.Get("accent")), Font: p.Get("font"), Radius: &radius}
	if err != nil {
		look.Radius = nil
	}
	f := &portalForm{Accent: d.accentOf(d.Portals.ID(q.who.Tenant), look), Name: p.Get("name")}
	a := d.portalTab(q, f)
	a.block = "accent-shown"
	return a, nil
}

// lines returns what stands in a text, a line each.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}

// portalSave stores the form. A logo that is not chosen stays as it is.
func (d *Dashboard) portalSave(ctx context.Context, q *request) (answer, error) {
	edit := func(s *portal.Settings) error {
		s.Name, s.Start, s.RefreshURL = q.value("name"), q.value("start"), q.value("refreshUrl")
		s.HideNavigation, s.NoGutters = q.value("hideNavigation") != "", q.value("noGutters") != ""
		s.EmbedOrigins = lines(q.value("embedOrigins"))
		s.Look = portal.Look{Accent: q.value("accent"), Font: q.value("font"), Theme: q.value("theme"), Language: q.value("language")}
		if r := q.value("radius"); r != "" {
			n, err := strconv.Atoi(r)
			if err != nil {
				return problem.InvalidField("radius", "must be a whole number of pixels")
			}
			s.Look.Radius = &n
		}
		if logo := q.files["logo"]; len(logo) > 0 {
			s.Logo = logo
		} else if q.value("removeLogo") != "" {
			s.Logo = nil
		}
		return nil
	}
	if _, err := d.Portals.Change(ctx, q.who, edit); err != nil {
		f, formErr := d.portalForm(ctx, q)
		if formErr != nil {
			return answer{}, formErr
		}
		f.Name, f.Start, f.RefreshURL, f.Origins, f.Radius = q.value("name"), q.value("start"), q.value("refreshUrl"), q.value("embedOrigins"), q.value("radius")
		f.HideMenu, f.NoGutters, f.Font, f.Theme, f.Language = q.value("hideNavigation") != "", q.value("noGutters") != "", q.value("font"), q.value("theme"), q.value("language")
		a := d.portalTab(q, f)
		a.status = 422
		return a, refuseFields(err, f.Wrong, "name", "start", "refreshUrl", "embedOrigins", "radius", "accent", "font", "theme", "language", "logo")
	}
	return answer{to: q.path("account", "portal") + "?saved=1"}, nil
}

// portalLink makes a link, which is shown this once.
func (d *Dashboard) portalLink(ctx context.Context, q *request) (answer, error) {
	n := portal.NewLink{Session: q.value("sessionId")}
	n.User = portal.User{ID: q.value("user.id"), Name: q.value("user.name")}
	n.Scope = portal.Scope{Webhooks: lines(q.value("webhooks")), EventTypes: lines(q.value("eventTypes")), Filter: q.value("filter")}
	for _, c := range q.form["capabilities"] {
		n.Capabilities = append(n.Capabilities, access.Capability(c))
	}
	span, err := time.ParseDuration(q.value("expiresIn"))
	if err != nil {
		return answer{}, problem.InvalidField("expiresIn", "must be one of the times that the form offers")
	}
	n.ExpiresIn = span
	made, err := d.Portals.Create(ctx, q.who, n)
	f, formErr := d.portalForm(ctx, q)
	if formErr != nil {
		return answer{}, formErr
	}
	a := d.portalTab(q, f)
	if err != nil {
		f.New.UserID, f.New.UserName, f.New.Session, f.New.Lasts, f.New.Filter = q.value("user.id"), q.value("user.name"), q.value("sessionId"), q.value("expiresIn"), q.value("filter")
		f.New.Webhooks, f.New.EventTypes = q.value("webhooks"), q.value("eventTypes")
		for i, c := range f.New.Capabilities {
			f.New.Capabilities[i].Checked = slices.Contains(q.form["capabilities"], string(c.Value))
		}
		a.status = 422
		return a, refuseFields(err, f.New.Wrong, "webhooks", "eventTypes", "filter", "sessionId", "user.id", "user.name", "capabilities", "expiresIn")
	}
	f.URL, f.Until = d.SignIn.Address(q.Request)+made.Path, made.ExpiresAt
	a.secret, a.address = true, q.path("account", "portal")
	return a, nil
}

// portalLinkEnd withdraws a link and ends the sessions begun by it.
func (d *Dashboard) portalLinkEnd(ctx context.Context, q *request) (answer, error) {
	if err := d.Portals.End(ctx, q.who, q.PathValue("id"), ""); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("account", "portal")}, nil
}

// portalWordsView is the page on which phrases get words of the tenant's own.
type portalWordsView struct {
	Query    string
	Language string // by its name
	Words    []wordView
	Found    int
	Own      int
	Saved    bool
	Wrong    string
}

// wordView is a phrase with what the portal says for it.
type wordView struct {
	Phrase string
	Usual  string // without a word of the tenant's own
	Own    string
}

// perWordPage is how many phrases the page shows; a search narrows them.
const perWordPage = 40

func (d *Dashboard) portalWordsPage(_ context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	s := d.Portals.Settings(q.who)
	v := portalWordsView{Query: strings.TrimSpace(p.Get("q")), Own: len(s.Words), Saved: p.Get("saved") != ""}
	language := s.Look.Over(portal.DefaultLook).Language
	v.Language = labelOf(languageChoices, language)
	usual := portal.WordsOf(language, nil)
	var own, rest []wordView
	for _, phrase := range portal.Phrases() {
		w := wordView{phrase, usual.Say(phrase), s.Words[phrase]}
		if text := strings.ToLower(v.Query); text != "" && !strings.Contains(strings.ToLower(w.Phrase+"\n"+w.Usual+"\n"+w.Own), text) {
			continue
		}
		if w.Own != "" {
			own = append(own, w)
		} else {
			rest = append(rest, w)
		}
	}
	v.Words = append(own, rest...)
	v.Found = len(v.Words)
	v.Words = v.Words[:min(len(v.Words), max(perWordPage, len(own)))]
	return q.accountAnswer("portal-words", "portal", "Words of the portal", v), nil
}

// portalWordsSave stores the words that were shown. Those that are empty, or as usual, are the usual ones again.
func (d *Dashboard) portalWordsSave(ctx context.Context, q *request) (answer, error) {
	phrases, words := q.form["phrase"], q.form["word"]
	if len(phrases) != len(words) {
		return answer{}, problem.New(problem.Malformed, "the form lacks fields")
	}
	_, err := d.Portals.Change(ctx, q.who, func(s *portal.Settings) error {
		usual := portal.WordsOf(s.Look.Over(portal.DefaultLook).Language, nil)
		own := maps.Clone(s.Words)
		if own == nil {
			own = make(map[string]string)
		}
		for i, phrase := range phrases {
			if word := strings.TrimSpace(words[i]); word == "" || word == usual.Say(phrase) {
				delete(own, phrase)
			} else {
				own[phrase] = word
			}
		}
		s.Words = own
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.path("account", "portal", "words") + with(url.Values{"saved": {"1"}}, "q", q.value("q"))}, nil
}
