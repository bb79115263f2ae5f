package connector_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/connector"
)

// paged lists segments in the given way.
func paged(page string) string {
	return fmt.Sprintf(`connector: paged
version: 1.0.0
kind: message
name: Paged
connection: {url: {type: url}, token: {secret: true}}
auth: {type: query, name: key, token: "${connection.token}"}
check: {method: GET, url: "${connection.url}/me"}
message: {url: "${connection.url}/in"}
segments:
  request: {method: GET, url: "${connection.url}/lists", query: {limit: "2"}}
  items: body.data
  id: ${it.id}
  name: "List ${it.id}"
  page: %s
tests: [{name: a, answer: {status: 200}, verdict: delivered}]
`, page)
}

func TestSegmentsArePaged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, page string
		answer     func(q url.Values, n int) string
		want       int    // segments
		problem    string // the error's text
		requests   int    // at most
	}{
		{"cursor", "{by: cursor, from: body.next, query: after}", func(q url.Values, _ int) string {
			if q.Get("after") == "" {
				return `{"data":[{"id":1},{"id":2}],"next":"b"}`
			}
			return `{"data":[{"id":3}],"next":null}`
		}, 3, "", 2},
		{"a short page in the middle", "{by: offset, query: offset, size: 2}", func(q url.Values, _ int) string {
			return map[string]string{"0": `{"data":[{"id":1},{"id":2}]}`, "2": `{"data":[{"id":3}]}`, "4": `{"data":[{"id":5},{"id":6}]}`, "6": `{"data":[]}`}[q.Get("offset")]
		}, 5, "", 4},
		{"pages", "{by: page, query: page, first: 1}", func(q url.Values, _ int) string {
			if q.Get("page") == "3" {
				return `{"data":[]}`
			}
			return `{"data":[{"id":` + q.Get("page") + `}]}`
		}, 2, "", 3},
		{"the same cursor twice", "{by: cursor, from: body.next, query: after}", func(url.Values, int) string {
			return `{"data":[{"id":1}],"next":"again"}`
		}, 2, "same next page twice", 2},
		{"without an end", "{by: page, query: page, first: 1}", func(_ url.Values, n int) string {
			return fmt.Sprintf(`{"data":[{"id":%d}]}`, n)
		}, 1000, "more than 1000 pages", 1000},
		{"another host", "{by: nextUrl, from: body.next}", func(url.Values, int) string {
			return `{"data":[{"id":1}],"next":"http://127.0.0.9:6379/"}`
		}, 1, "another host", 1},
		{"no list", "{by: none}", func(url.Values, int) string { return `{"items":[]}` }, 0, "has no list", 1},
		{"no JSON", "{by: none}", func(url.Values, int) string { return `<html>` }, 0, "no JSON", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, p := newRig(t, nil), newPartner(t)
			n := 0
			p.answer = func(_ int, s *seen, w http.ResponseWriter) {
				u, _ := url.Parse(s.url)
				if u.Path == "/lists" {
					n++
					io.WriteString(w, tt.answer(u.Query(), n))
				}
				if u.Query().Get("key") != "s3cret-token" {
					t.Errorf("got the address %s", s.url)
				}
			}
			r.live(paged(tt.page))
			it := r.connect("paged", map[string]string{"url": p.URL, "token": "s3cret-token"})
			list, err := r.connectors.Segments(context.Background(), r.who.Tenant, it.Name, "", false)
			if err != nil || len(list.Segments) != tt.want || !strings.Contains(list.Problem, tt.problem) || (list.Problem == "") != (tt.problem == "") || n > tt.requests {
				t.Errorf("got %d segments, %q, %v in %d requests; want %d, %q in %d", len(list.Segments), list.Problem, err, n, tt.want, tt.problem, tt.requests)
			}
		})
	}
}

func TestSegmentsAreKept(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, p := newRig(t, nil), newPartner(t)
	failing, n := false, 0
	p.answer = func(_ int, s *seen, w http.ResponseWriter) {
		if !strings.HasPrefix(s.url, "/lists") {
			return
		}
		n++
		if failing {
			w.WriteHeader(503)
			return
		}
		io.WriteString(w, `{"data":[{"id":"a"},{"id":"b"}]}`)
	}
	r.live(paged("{by: none}"))
	it := r.connect("paged", map[string]string{"url": p.URL, "token": "s3cret-token"})
	for range 3 {
		list, err := r.connectors.Segments(ctx, r.who.Tenant, it.Name, "LIST A", false)
		if err != nil || len(list.Segments) != 1 || list.Segments[0] != (connector.Segment{ID: "a", Name: "List a"}) || n != 1 {
			t.Fatalf("got %+v, %v in %d requests", list, err, n)
		}
	}
	failing = true
	list, err := r.connectors.Segments(ctx, r.who.Tenant, it.Name, "", true)
	if err != nil || len(list.Segments) != 2 || !strings.Contains(list.Problem, "503") {
		t.Errorf("got %+v, %v, want the last list and why there is no newer one", list, err)
	}
}

// TestAccountIsChecked: nothing is stored that the partner does not accept, and secrets are kept where they are not given
// again.
func TestAccountIsChecked(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, p := newRig(t, nil), newPartner(t)
	p.answer = func(_ int, s *seen, w http.ResponseWriter) {
		if !strings.Contains(s.url, "key=right-one") {
			w.WriteHeader(401)
		}
	}
	r.live(paged("{by: none}"))
	fields := func(list ...string) map[string]*string {
		m := make(map[string]*string)
		for i := 0; i < len(list); i += 2 {
			m[list[i]] = &list[i+1]
		}
		return m
	}
	name := "one"
	for _, tt := range []struct {
		fields map[string]*string
		want   string
	}{
		{fields("url", p.URL, "token", "wrong"), "fields are not accepted by Paged: the partner answered 401"},
		{fields("url", p.URL), "fields.token must be given"},
		{fields("url", p.URL, "token", "x", "tokn", "y"), "fields.tokn is no field"},
		{fields("url", "http://169.254.169.254/", "token", "x"), "fields.url cannot be used"},
		{fields("url", p.URL, "token", "a\nb"), "fields.token must be valid UTF-8 without control characters"},
	} {
		_, err := r.connectors.CreateConnection(ctx, r.who, "paged", &connector.Change{Name: &name, Fields: tt.fields})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	if n := len(r.connectors.Connections(r.who.Tenant)); n != 0 {
		t.Errorf("%d connections are stored", n)
	}
	it, err := r.connectors.CreateConnection(ctx, r.who, "paged", &connector.Change{Name: &name, Fields: fields("url", p.URL, "token", "right-one")})
	if err != nil {
		t.Fatal(err)
	}
	if it, err = r.connectors.UpdateConnection(ctx, r.who, it.Name, &connector.Change{Fields: fields("url", p.URL+"/v2", "token", "***")}); err != nil || it.Value.Secrets["token"] != "right-one" || it.Value.Fields["url"] != p.URL+"/v2" {
		t.Errorf("got %+v, %v", it, err)
	}
	if _, err := r.connectors.UpdateConnection(ctx, r.who, it.Name, &connector.Change{Fields: fields("token", "wrong")}); err == nil {
		t.Error("a wrong token was stored")
	}
	if err := r.connectors.CheckConnection(ctx, r.who.Tenant, it.Name); err != nil {
		t.Error(err)
	}
}

// TestTestingReachesTestProfiles: a definition that is being tested sends to nobody else.
func TestTestingReachesTestProfiles(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r, p := newRig(t, nil), newPartner(t)
	if _, err := r.connectors.Create(ctx, r.who, listed); err != nil {
		t.Fatal(err)
	}
	if _, err := r.connectors.SetState(ctx, r.who, "listed", "1.0.0", connector.Testing); err != nil {
		t.Fatal(err)
	}
	it := r.connect("listed", map[string]string{"url": p.URL, "token": "s3cret"})
	all := profiles(50, "A")
	marked := all["p007"]
	marked.Test = true
	all["p007"] = marked
	for id, got := range r.send(newQueue(), it, all) {
		if (got == "delivered") != (id == "p007") {
			t.Errorf("%s: got %q", id, got)
		}
	}
	if all := p.got(); len(all) != 1 || !strings.Contains(all[0].body, "mp007") || strings.Count(all[0].body, "member\"") != 1 {
		t.Errorf("got %+v", all)
	}
}

// TestDocumentationIsTrue follows docs/connectors.md: its shortest connector is checked, added, connected and tried.
func TestDocumentationIsTrue(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/connectors.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(raw)
	r, p := newRig(t, nil), newPartner(t)
	e := r.live(string(m[1]))
	it := r.connect(e.Connector, map[string]string{"url": p.URL})
	got, err := r.connectors.Try(context.Background(), r.who, e, it.Name, []byte(`{"partnerIds":["m1"]}`), "", true)
	if err != nil || got.Attempt == nil || got.Attempt.Outcome.String() != "delivered" {
		t.Fatalf("got %+v, %v", got, err)
	}
	want := `{"siteNumber":1234,"partnerNumber":2001,"partnerAudienceId":"","relay42AudienceNumber":0,"partnerIds":["m1"],"audienceVariables":{},"profileId":"","sourceId":"","data":{}}`
	if all := p.got(); len(all) != 1 || all[0].body != want || all[0].header.Get("X-Relay-Operation") != "enter" {
		t.Errorf("got %+v", all)
	}
	// Each key that the page lists is one, and each that there is is listed.
	_, table, _ := strings.Cut(string(raw), "## The document")
	for _, key := range strings.Fields("connector version kind name logo description docs partnerNumber categories request hosts connection auth check externalId identifiers segments filter item transform aggregate add update remove message forget answers results limits tests plan checkedAgainst") {
		if !strings.Contains(table, "`"+key+"`") {
			t.Errorf("docs/connectors.md does not tell of %s", key)
		}
	}
	for _, name := range wanted {
		if !slices.Contains(regexp.MustCompile("`[a-z-]+`").FindAllString(string(raw), -1), "`"+name+"`") {
			t.Errorf("docs/connectors.md does not list %s", name)
		}
	}
}
