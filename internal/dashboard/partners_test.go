package dashboard_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// platform is a partner's API with lists of members: it knows an account by its key, lists its segments, and refuses members
// whose names it does not like.
type platform struct {
	*httptest.Server
	mu       sync.Mutex
	members  map[string]map[string]bool // by segment; guarded by mu
	requests int                        // guarded by mu
}

const platformKey = "planted-partner-key"

func newPlatform(t *testing.T) *platform {
	p := &platform{members: make(map[string]map[string]bool)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{}`) })
	mux.HandleFunc("GET /segments", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"data":[{"id":"SPRING","name":"Spring campaign"},{"id":"SUMMER","name":"Summer campaign"}]}`)
	})
	mux.HandleFunc("POST /segments/{segment}/{what}", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Members []struct{ Member, Ref string }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("the partner got %s: %v", r.URL, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		list := p.members[r.PathValue("segment")]
		if list == nil {
			list = make(map[string]bool)
			p.members[r.PathValue("segment")] = list
		}
		p.requests++
		results := []map[string]string{}
		for _, m := range body.Members {
			status := "ok"
			switch {
			case strings.HasPrefix(m.Member, "bad"):
				status = "no member has this number"
			case r.PathValue("what") == "add":
				list[m.Member] = true
			default:
				delete(list, m.Member)
			}
			results = append(results, map[string]string{"ref": m.Ref, "status": status})
		}
		json.NewEncoder(w).Encode(map[string]any{"results": results}) //nolint:errcheck,gosec // a test's answer
	})
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+platformKey {
			w.WriteHeader(http.StatusUnauthorized)
			io.WriteString(w, `{"error":"no such key"}`)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// has waits until a segment has a number of members.
func (p *platform) has(t *testing.T, segment string, want int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		p.mu.Lock()
		got := len(p.members[segment])
		p.mu.Unlock()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the partner has %d members of %s, want %d", got, segment, want)
		}
	}
}

func (p *platform) member(segment, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.members[segment][name]
}

// bonuskort is a definition for the platform.
const bonuskort = `connector: bonuskort
version: 1.0.0
kind: list
name: Bonuskort campaigns
description: Members in and out of campaigns.
partnerNumber: 2001
categories: [loyalty]
request: {apiDocs: "https://api.bonuskort.example/docs", contact: Mette, useCase: Members in and out of campaigns, dueDate: 2027-02-01}
connection:
  url: {title: Address, type: url}
  key: {title: API key, secret: true, help: From the page Integrations}
auth: {type: bearer, token: "${connection.key}"}
check: {method: GET, url: "${connection.url}/me"}
externalId: {use: required, pattern: '^[A-Z]{3,40}$', help: "The campaign's key, exactly as in Bonuskort"}
segments: {request: {method: GET, url: "${connection.url}/segments"}, items: body.data, id: "${it.id}", name: "${it.name}"}
identifiers: {anyOf: [partnerIds], required: true}
filter: payload.audienceVariables.?country.orValue('DK') != 'DE'
item: {member: "${payload.partnerIds[0]}", ref: "${send.id}"}
aggregate: {maxProfiles: 250, maxWait: 1s}
add: {method: POST, url: "${connection.url}/segments/${segment.id}/add", body: {members: "${items}"}}
remove: {method: POST, url: "${connection.url}/segments/${segment.id}/remove", body: {members: "${items}"}}
results: {path: body.results, match: id, idOf: ref, ok: "it.status == 'ok'", message: "${it.status}"}
tests:
  - {name: one member, payload: {partnerIds: [m1], partnerAudienceId: SPRING}, expect: {method: POST, body: {members: [{member: m1}]}, ignore: [body.members.0.ref]}}
  - {name: nobody from Germany, payload: {partnerIds: [m1], partnerAudienceId: SPRING, audienceVariables: {country: DE}}, skipped: true}
  - {name: one of two, items: 2, payload: {partnerIds: [m1], partnerAudienceId: SPRING}, answer: {status: 200, body: {results: [{ref: "#0", status: ok}, {ref: "#1", status: gone}]}}, verdicts: [delivered, rejected]}
`

// write puts a text into a field as pasting it does.
func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	b.eval(fmt.Sprintf(`(() => { const f = document.querySelector(%q); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})) })()`, selector, text))
}

// choose selects an entry of a select.
func (b *tab) choose(selector, value string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`!!document.querySelector(%q)`, selector))
	b.eval(fmt.Sprintf(`(() => { const f = document.querySelector(%q); f.value = %q; f.dispatchEvent(new Event("change", {bubbles: true})) })()`, selector, value))
}

// TestWalkConnectors is what custom-connectors.txt promises a person, in a browser: add a custom connector, connect it, try
// it and send, attach it to an audience, import 1,000 profiles from a table, see them at the partner and in the log, remove
// one, and see it leave.
func TestWalkConnectors(t *testing.T) {
	s, p := startServer(t), newPlatform(t)
	b := openTab(t, s.URL())
	b.expect("422")
	s.signIn(b)

	// The definition: mistakes are shown at their line while it is written, and its tests run.
	b.press("Server-to-Server Connectors")
	b.see("HTTP endpoint")
	b.press("Add custom connector")
	b.see("1 of 1 tests pass")
	b.write("#document", strings.Replace(bonuskort, "kind: list", "kidn: list", 1))
	b.see("Line 3, column 1")
	b.see(`did you mean "kind"?`)
	b.click("[data-line='3']")
	b.until(`document.activeElement.id === "document" && document.activeElement.selectionStart === "connector: bonuskort\nversion: 1.0.0\n".length`)
	b.write("#document", bonuskort)
	b.see("3 of 3 tests pass")
	b.press("Save as a draft")
	b.see("On the way to live")
	b.press("Go live")
	b.pill("live")

	// The connection: the partner is asked, and its words are shown.
	b.press("Connect")
	b.fill("#name", "Bonuskort, Denmark")
	b.fill("#field-url", p.URL)
	b.fill("#field-key", "wrong-key")
	b.press2("Connect")
	b.see("are not accepted by Bonuskort campaigns")
	b.fill("#field-key", platformKey)
	b.press2("Connect")
	b.see("Nothing was sent yet")
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, platformKey) {
		t.Error("the page shows the partner's key")
	}
	b.press("Check")
	b.see("The partner accepts the credentials.")

	// Try shows the four stages; Send sends.
	b.press("Try")
	b.write("#payload", `{"partnerIds": ["m-try"], "partnerAudienceId": "SUMMER", "audienceVariables": {"country": "DE"}}`)
	b.press2("Try")
	b.see("The connector's filter leaves the profile out.")
	b.write("#payload", `{"partnerIds": ["m-try"], "partnerAudienceId": "SUMMER"}`)
	b.press2("Try")
	b.see("/segments/SUMMER/add")
	b.see("It was not sent yet.")
	if p.member("SUMMER", "m-try") {
		t.Error("trying has sent something")
	}
	b.press("Send")
	b.until(`document.querySelector(".trial .pill")?.innerText === "delivered"`)
	if !p.member("SUMMER", "m-try") {
		t.Error("Send has sent nothing")
	}

	// An audience, attached to a segment that the partner lists.
	b.press("Audiences")
	b.see("Create your first audience")
	b.press("Create audience")
	b.fill("#name", "Spring")
	b.press("Create")
	b.see("Attached to no partner")
	b.press("Attach")
	b.press2("Attach")
	b.see("must not be blank")
	b.choose("#segment", "SPRING")
	b.press2("Attach")
	b.see("Why is somebody there, or not?")

	// 1,000 profiles from a table as a spreadsheet writes it.
	var rows strings.Builder
	rows.WriteString("\ufeffcustomer id;crm;country\r\n")
	for i := range 1000 {
		fmt.Fprintf(&rows, "p%04d;m%04d;DK\r\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "members.csv")
	if err := os.WriteFile(file, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.press("Spring")
	b.press("Import")
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#file"), []string{file}))
	b.until(`document.querySelector("[name=kind-0]")?.value === "profileId"`)
	b.choose("[name=kind-1]", "partnerIds")
	b.eval(`document.querySelector("[name=key-1]").value = "2001"`)
	b.press("Show what would change")
	b.until(`[...document.querySelectorAll(".tile b")].map((e) => e.innerText).join() === "1,000,0,0"`)
	p.has(t, "SPRING", 0)
	b.press("Start")
	b.pill("done")
	p.has(t, "SPRING", 1000)

	// They are in the audience, at the partner, and in the log.
	b.press("See the audience")
	b.see("1,000 members")
	b.until(`(() => { if (document.body.innerText.includes("1,000 sent")) return true; location.reload(); return false })()`)
	b.press("Bonuskort, Denmark")
	b.until(`document.querySelectorAll("tbody[data-rows] tr").length === 50`)
	b.press("Next")
	b.until(`document.querySelector("tbody[data-rows] code")?.innerText === "p0050"`)
	b.press("Server-to-Server Connectors")
	b.press("Connections")
	b.press("Bonuskort, Denmark")
	b.until(`[...document.querySelectorAll("#log, tbody[data-rows] .pill")].some((e) => e.innerText === "delivered")`)
	b.see("profiles in one request")

	// One leaves.
	b.press("Audiences")
	b.press("Spring")
	b.fill("[name=q]", "p0500")
	b.press("Search")
	b.until(`document.querySelectorAll("#members").length === 1 && document.querySelectorAll(".controls button").length === 1`)
	b.press("Remove")
	b.see("999 members")
	p.has(t, "SPRING", 999)
	if p.member("SPRING", "m0500") {
		t.Error("another one was removed")
	}
	b.press("Bonuskort, Denmark")
	b.fill("[name=profile]", "p0500")
	b.press("Explain")
	b.see("The profile is not in the audience.")
	b.press("p0500")
	b.see("It is in no audience")
}

// press2 presses the button that sends a form in the content, where a link beside it has the same words.
func (b *tab) press2(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		const found = [...document.querySelectorAll("main form button")].find((e) => e.checkVisibility() && !e.disabled && e.innerText.trim() === %q);
		if (document.readyState !== "complete" || !found || found.form.matches("[hx-post]:not([data-htmx-powered])")) return false;
		found.click();
		return true;
	})()`, text))
}

// sly is hostile where a name stands in the title of a page: it does not have the word that a script would put there.
const sly = `"><img src=x onerror="document.title='ow'+'ned'">`

// partners fills a server with connectors of each state, connections, audiences, and profiles in each state at a partner,
// under the longest and most hostile of names.
func (s *server) partners(p *platform) (paths map[string]string) {
	s.t.Helper()
	ctx := s.t.Context()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	long := strings.Repeat("Wörter ohne Ende ", 5)
	add := func(document, state string) {
		d, err := s.api.CreateConnector(ctx, client.CreateConnector{Document: document})
		must(err)
		if state != "" {
			_, err = s.api.UpdateConnector(ctx, d.Connector, client.UpdateConnector{Version: d.Version, State: client.Set(state)})
			must(err)
		}
	}
	add(bonuskort, "live")
	add(strings.Replace(bonuskort, "version: 1.0.0", "version: 1.1.0\nplan: [Contact confirms three test members arrived in SPRING, Removal confirmed]", 1), "testing")
	add("connector: wanted\nversion: 0.1.0\nname: "+long+"\nrequest: {useCase: \"<script>document.title='owned'</script>\", contact: Mette}\n", "")
	add("connector: hostile\nversion: 1.0.0\nkind: message\nname: "+fmt.Sprintf("%q", sly)+"\ndescription: "+fmt.Sprintf("%q", hostile)+"\nconnection: {url: {title: Address, type: url}}\nmessage: {url: \"${connection.url}\"}\ntests: [{name: ok, answer: {status: 200}, verdict: rejected}]\n", "testing")
	connect := func(connector, name string, fields map[string]string) string {
		c, err := s.api.CreateConnection(ctx, client.CreateConnection{Connector: connector, Name: client.Set(name), Fields: client.Set(fields), SiteNumber: client.Set(1234)})
		must(err)
		return c.ID
	}
	con := connect("bonuskort", "Bonuskort, Denmark", map[string]string{"url": p.URL, "key": platformKey})
	odd := connect("hostile", sly, map[string]string{"url": p.URL + "/" + strings.Repeat("long/", 60)})
	for i, name := range []string{"Spring", long + sly, "Empty"} {
		_, err := s.api.CreateAudience(ctx, client.CreateAudience{Number: 101 + i, Name: name, Data: map[string]any{"note": hostile}})
		must(err)
	}
	at, err := s.api.CreateAttachment(ctx, "101", client.CreateAttachment{Connection: con, ExternalID: client.Set("SPRING"), ConsentPurpose: client.Set("newsletter")})
	must(err)
	_, err = s.api.CreateAttachment(ctx, "101", client.CreateAttachment{Connection: odd, ExternalID: client.Opt[string]{}})
	must(err)
	var list []any
	for i := range 60 {
		row := map[string]any{"profileId": fmt.Sprintf("p%03d", i), "partnerIds": map[string][]string{"2001": {fmt.Sprintf("m%03d", i)}}, "consent": map[string]any{"newsletter": map[string]string{"state": "granted"}}}
		switch i % 10 {
		case 7:
			row["partnerIds"] = map[string][]string{"2001": {"bad<b>" + fmt.Sprint(i)}}
		case 8:
			delete(row, "consent")
		case 9:
			delete(row, "partnerIds")
		}
		list = append(list, row)
	}
	list = append(list, map[string]any{"profileId": sly + "/?#", "variables": map[string]any{"x": hostile}, "doNotContact": true, "test": true})
	must(s.api.PutMembers(ctx, "101", client.PutMembers{Rows: list}))
	p.has(s.t, "SPRING", 42)
	imp, err := s.api.CreateImport(ctx, "101", client.CreateImport{Mode: "replace"})
	must(err)
	must(s.api.AddImportRows(ctx, "101", imp.ID, client.ImportRows{Text: client.Set("profileId,test\np001,yes\np002,<b>perhaps\n"), Format: client.Set("csv")}))
	attachment := "/audiences/101/attachments/" + at.ID
	paths = s.journeys(con)
	maps.Copy(paths, map[string]string{
		"connectors": "/connectors", "connector-custom": "/connectors/bonuskort?version=1.1.0", "connector-live": "/connectors/bonuskort", "connector-draft": "/connectors/wanted", "connector-hostile": "/connectors/hostile",
		"connector-standard": "/connectors/meta-custom-audience", "connector-clone": "/connector-editor?from=meta-custom-audience", "connector-edit": "/connectors/wanted/edit", "connector-try": "/connectors/bonuskort/try",
		"connections": "/connections", "connection": "/connections/" + con, "connection-odd": "/connections/" + odd, "connection-edit": "/connections/" + con + "/edit", "connection-try": "/connections/" + con + "/try", "connection-delete": "/connections/" + con + "/delete",
		"connection-form": "/connections/new?connector=bonuskort", "segments": "/connections/" + con + "/segments",
		"audiences": "/audiences", "audience": "/audiences/101", "audience-none": "/audiences/101?q=nobody", "audience-hostile": "/audiences/102", "audience-edit": "/audiences/101/edit", "audience-delete": "/audiences/101/delete",
		"attach": "/audiences/102/attach?connection=" + con, "attachment": attachment, "attachment-rejected": attachment + "?state=rejected&profile=p007", "attachment-edit": attachment + "/edit", "detach": attachment + "/detach",
		"import": "/audiences/101/imports/" + imp.ID, "profiles": "/profiles", "profile": "/profiles/p007",
		"profile-hostile": "/profiles/" + url.PathEscape(sly+"/?#"),
	})
	return paths
}

// thorough are the pages that axe looks at in every look: they have all kinds of parts that the others are made of.
var thorough = []string{"connectors", "connector-custom", "connector-clone", "connection", "audience", "attachment-rejected", "import", "profile", "journey", "journey-edit", "run"}

// TestPartnerPages looks at each page of connectors and audiences, with nothing and with much on it, as TestPages does; it
// tries a payload, and maps the columns of a table.
func TestPartnerPages(t *testing.T) {
	if testenv.Race {
		return // many pages, each looked at for long: the walks go through the same code under the race detector
	}
	t.Parallel()
	s, p := startServer(t), newPlatform(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	for name, path := range map[string]string{
		"connectors": "/connectors?origin=custom", "connectors-none": "/connectors?q=nothing+has+this", "connector-new": "/connector-editor", "connections": "/connections", "connection-new": "/connections/new", "audiences": "/audiences",
		"audience-new": "/audiences/new", "profiles": "/profiles", "journeys": "/journeys", "journey-new": "/journeys/new",
	} {
		s.check(b, "empty-"+name, "/t/default"+path)
	}
	all := []string{"/t/default/connector-editor", "/t/default/audiences/new", "/t/default/audiences/7/import", "/t/default/connections/new", "/t/default/journeys/new"}
	paths := s.partners(p)
	if _, err := s.api.CreateAudience(t.Context(), client.CreateAudience{Number: 7, Name: "Nobody"}); err != nil {
		t.Fatal(err)
	}
	s.check(b, "empty-audience", "/t/default/audiences/7")
	s.check(b, "empty-import-form", "/t/default/audiences/7/import")
	for _, name := range []string{"connector-live", "audience-none", "connection-form"} {
		delete(paths, name) // they look like others
	}
	for name, path := range paths {
		all = append(all, "/t/default"+path)
		t.Run(name, func(t *testing.T) {
			parent := b.t
			b.t, s.t = t, t
			defer func() { b.t, s.t = parent, parent }()
			state := "some-"
			if slices.Contains(thorough, name) {
				state = "filled-"
			}
			s.check(b, state+name, "/t/default"+path)
		})
	}
	everyRoute(t, all, ofPartners)

	// What came of a dry run.
	b.open("/t/default/journeys/201/dry-run")
	b.press("Walk through")
	b.see("Its way in the drawing")
	s.inspect(b, "filled-journey-walked")
}

// asRole signs in without a browser, as somebody with a role, and returns what asks for pages as they do.
func (s *server) asRole(role string) func(method, path string, form url.Values) int {
	s.t.Helper()
	u, err := s.api.InviteUser(s.t.Context(), client.InviteUser{Email: role + "@example.com", Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.enter("/invite/" + u.Link.Token)
}

// operator is asRole for the first operator of the installation.
func (s *server) operator() func(method, path string, form url.Values) int {
	s.t.Helper()
	return s.enter(strings.TrimPrefix(s.SignInLink(), s.URL()))
}

// enter uses an invitation.
func (s *server) enter(link string) func(method, path string, form url.Values) int {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(method, path string, form url.Values) int {
		s.t.Helper()
		r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Origin", s.URL())
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := c.Do(r)
		if err != nil {
			s.t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	if got := ask(http.MethodPost, link, url.Values{"name": {"Vera"}, "password": {password}}); got != http.StatusSeeOther {
		s.t.Fatalf("using an invitation: got %d", got)
	}
	return ask
}

// TestWhoMayOnPartnerPages asks for each page and form of connectors and audiences as a viewer and as a member: forms that
// their role does not allow are refused, and what another tenant has is not there for anybody.
func TestWhoMayOnPartnerPages(t *testing.T) {
	t.Parallel()
	s, p := startServer(t), newPlatform(t)
	paths := s.partners(p)
	viewer, member := s.asRole("viewer"), s.asRole("member")
	configure := []string{"connector-clone", "connector-edit"}
	looks := []string{"connectors", "connector-custom", "connector-live", "connector-draft", "connector-hostile", "connector-standard", "connections", "connection", "connection-odd", "segments", "audiences", "audience", "audience-none", "audience-hostile", "attachment", "attachment-rejected", "import", "profiles", "profile", "profile-hostile",
		"journeys", "journeys-none", "journey", "journey-first", "journey-paused", "journey-try", "run", "run-failed", "run-hostile", "run-sent"}
	for name, path := range paths {
		want := http.StatusForbidden
		if slices.Contains(looks, name) {
			want = http.StatusOK
		}
		if got := viewer(http.MethodGet, "/t/default"+path, nil); got != want {
			t.Errorf("a viewer, GET %s: got %d, want %d", path, got, want)
		}
		want = http.StatusOK
		if slices.Contains(configure, name) {
			want = http.StatusForbidden
		}
		if got := member(http.MethodGet, "/t/default"+path, nil); got != want {
			t.Errorf("a member, GET %s: got %d, want %d", path, got, want)
		}
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	forms := 0
	for line := range strings.Lines(string(source)) {
		_, pattern, ok := strings.Cut(line, `pattern: "POST /t/{tenant}`)
		path, rest, _ := strings.Cut(pattern, `"`)
		if !ok || !strings.HasPrefix(path, "/conne") && !strings.HasPrefix(path, "/audiences") && !strings.HasPrefix(path, "/profiles") && !strings.HasPrefix(path, "/journeys") {
			continue
		}
		forms++
		path = "/t/default" + strings.NewReplacer("{name}", "bonuskort", "{number}", "101", "{id}", "none").Replace(path)
		if got := viewer(http.MethodPost, path, url.Values{}); (got == http.StatusForbidden) == strings.Contains(rest, "access.View") {
			t.Errorf("a viewer, POST %s: got %d, with %s", path, got, rest)
		}
		if got := member(http.MethodPost, path, url.Values{"version": {"1.0.0"}}); (got == http.StatusForbidden) != strings.Contains(rest, "access.Configure") {
			t.Errorf("a member, POST %s: got %d, with %s", path, got, rest)
		}
	}
	if forms < 33 {
		t.Errorf("found %d forms only", forms)
	}

	// An operator in another tenant finds nothing of this one.
	if _, err := s.api.CreateTenant(t.Context(), client.CreateTenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	operator := s.operator()
	for name, path := range paths {
		if slices.Contains([]string{"connectors", "connector-standard", "connector-clone", "connections", "audiences", "profiles", "journeys", "journeys-none"}, name) {
			continue // lists, and what ships with Relay
		}
		if got := operator(http.MethodGet, "/t/acme"+path, nil); got != http.StatusNotFound {
			t.Errorf("in another tenant, GET %s: got %d, want 404", path, got)
		}
	}
}
