package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/web"
)

// library is a face of its own: what another API of Relay needs to be one, and no more.
type library struct {
	url     string
	face    *rest.Face
	created atomic.Int32 // books
}

// Book is an answer.
type Book struct {
	ID    string   `json:"id" example:"\"b1\""`
	Title string   `json:"title"`
	Kind  string   `json:"kind" enum:"novel,poem"`
	Pages int      `json:"pages"`
	Tags  []string `json:"tags"`
	Lent  bool     `json:"lent,omitempty"`
}

// NewBook is a request.
type NewBook struct {
	Title  string                  `json:"title" required:"true" text:"label" doc:"as on the cover"`
	Kind   rest.Opt[string]        `json:"kind" enum:"novel,poem" default:"\"novel\""`
	Pages  rest.Opt[int]           `json:"pages" min:"1"`
	Tags   rest.Opt[[]string]      `json:"tags"`
	Lent   rest.Opt[rest.Time]     `json:"lent"`
	Loan   rest.Opt[rest.Duration] `json:"loan"`
	Author Author                  `json:"author"`
}

// Author is an object within a request.
type Author struct {
	Name rest.Opt[string] `json:"name"`
}

type newBook struct {
	Shelf string  `path:"shelf"`
	Body  NewBook `body:"required"`
}

type books struct {
	rest.Page
	Shelf string `path:"shelf"`
	Kind  string `query:"kind" enum:"novel,poem"`
}

const total = 5

// newLibrary serves a small face with a real store. The key is "reader" or "keeper", of the tenant that the header
// Library names.
func newLibrary(t *testing.T) *library {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	l := &library{}
	identify := func(r *http.Request) (*rest.Caller, error) {
		p := &access.Principal{Tenant: event.DefaultTenant, Actor: access.Actor{Kind: access.ActorKey, ID: "k"}}
		if r.Header.Get("Library") == "2" {
			p.Tenant = 2
		}
		switch r.Header.Get("Card") {
		case "reader":
			p.May = access.View
		case "keeper":
			p.May = access.View | access.Configure
		default:
			return nil, problem.New(problem.Unauthorized, "show a card")
		}
		return &rest.Caller{Principal: p, Secret: r.Header.Get("Card")}, nil
	}
	l.face, err = rest.New(rest.Options{Identify: identify, Answers: store, About: rest.About{
		Title: "Library", Version: "1", Introduction: "Of `books`.", Tags: []rest.Tag{{Name: "Books", Description: "All of them."}},
		Schemes: []rest.Scheme{{Key: "card", Type: "apiKey", In: "header", Name: "Card", Description: "a card"}},
		Headers: []rest.Parameter{{Name: "Library", In: "header", Schema: &rest.Schema{Type: "string"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	doc := func(id string, status int) rest.Doc {
		return rest.Doc{ID: id, Tag: "Books", Summary: id, Status: status}
	}
	l.face.Serve([]rest.Route{
		rest.Handle(l.face, "GET /shelves/{shelf}/books", access.View, doc("listBooks", 0), l.list),
		rest.Handle(l.face, "POST /shelves/{shelf}/books", access.Configure, doc("createBook", 201), l.create),
		rest.Handle(l.face, "DELETE /books/{id}", access.Configure, doc("deleteBook", 204), l.remove),
		rest.Handle(l.face, "GET /open", access.Anybody, doc("getOpen", 0), func(_ context.Context, c *access.Principal, _ *rest.None) (*Book, error) {
			if c != nil {
				return nil, fmt.Errorf("a route for anybody has the caller %v", c)
			}
			return &Book{Title: strings.Repeat("open ", 2000)}, nil
		}),
		rest.Raw[books, rest.None](l.face, "POST /shelves/{shelf}/scan", access.View, doc("scan", 0), func(w http.ResponseWriter, r *http.Request, c *access.Principal, in *books) error {
			body, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %d %s %s", in.Shelf, c.Tenant, in.Kind, body)
			return err
		}),
		l.face.DocumentRoute("GET /openapi.json", doc("getDocument", 0)),
		l.face.PageRoute("GET /docs", rest.Doc{ID: "getDocs", Tag: "Books", Summary: "page", Answer: "text/html"}),
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.face.ServeHTTP(&web.Response{ResponseWriter: w}, r)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

func (l *library) list(_ context.Context, _ *access.Principal, in *books) (*rest.List[Book], error) {
	before, err := in.Before()
	if err != nil {
		return nil, err
	}
	if before == 0 {
		before = total + 1
	}
	var data []Book
	for n := before - 1; n >= 1 && len(data) < in.Limit; n-- {
		data = append(data, Book{ID: fmt.Sprint(n), Tags: []string{}})
	}
	next := before - event.ID(len(data))
	if next == 1 {
		next = 0
	}
	return rest.PageOf(data, rest.CursorOf(next)), nil
}

func (l *library) create(_ context.Context, _ *access.Principal, in *newBook) (*Book, error) {
	if in.Body.Title == "lost" {
		return nil, problem.New(problem.Conflict, "it is lost")
	}
	b := &Book{ID: fmt.Sprint(in.Shelf, l.created.Add(1)), Title: in.Body.Title, Kind: "novel", Tags: []string{}}
	in.Body.Kind.Apply(&b.Kind, "novel")
	in.Body.Pages.Apply(&b.Pages, 100)
	in.Body.Tags.Apply(&b.Tags, []string{})
	return b, nil
}

func (l *library) remove(context.Context, *access.Principal, *struct {
	ID string `path:"id"`
}) (*rest.None, error) {
	return nil, nil
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do makes a request as the keeper; headers are pairs and win over those set here.
func (l *library) do(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, l.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Card", "keeper")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{res.StatusCode, res.Header, string(b)}
}

// TestRequestsAreRead: each way of writing a request wrongly is refused with the name of the field, and nothing is done.
func TestRequestsAreRead(t *testing.T) {
	l := newLibrary(t)
	const post, shelf = "POST", "/shelves/a/books"
	for _, tt := range []struct {
		method, path, body string
		status             int
		want               string // in the answer
	}{
		{post, shelf, `{"title":"x"}`, 201, `{"id":"a1","title":"x","kind":"novel","pages":0,"tags":[]}`},
		{post, shelf, `{"title":"<x>","kind":"poem","pages":null,"tags":["t"]}`, 201, `"title":"<x>","kind":"poem","pages":100,"tags":["t"]`},
		{post, shelf, `{}`, 422, `"field":"title","reason":"must be given"`},
		{post, shelf, `{"title":"x","titel":"y"}`, 422, `did you mean \"title\"?`},
		{post, shelf, `{"title":"x","Title":"y"}`, 422, `"field":"Title","reason":"is not a field of this request`},
		{post, shelf, `{"title":"x","title":"y"}`, 400, `not valid JSON`},
		{post, shelf, `{"title":1,"pages":"2","tags":[1,"ok",2]}`, 422, `"field":"tags[2]"`},
		{post, shelf, `{"title":"x","author":{"nam":"y"}}`, 422, `"field":"author.nam"`},
		{post, shelf, `{"title":"x","kind":"novl"}`, 422, `did you mean \"novel\"?`},
		{post, shelf, `{"title":"a\nb"}`, 422, `"field":"title"`},
		{post, shelf, `{"title":"x","lent":"yesterday","loan":"1 day"}`, 422, `"field":"loan"`},
		{post, shelf, `{"title":"x"`, 400, `line 1, column 13`},
		{post, shelf, ``, 415, `Content-Type`},
		{post, shelf + "?dry=1", `{"title":"x"}`, 400, `"field":"query dry"`},
		{"GET", shelf + "?kidn=poem", ``, 400, `did you mean \"kind\"?`},
		{"GET", shelf + "?kind=prose", ``, 400, `must be one of novel, poem`},
		{"GET", shelf + "?limit=251", ``, 400, `must be 1 to 250`},
		{"GET", shelf + "?limit=1&limit=2", ``, 400, `must be given once`},
		{"GET", shelf, `{"title":"x"}`, 422, `"field":"body"`},
		{"DELETE", "/books/1", `{}`, 204, ``},
		{"PUT", "/books/1", ``, 405, `this path takes DELETE, not PUT`},
		{"DELETE", "/books//1", ``, 404, `there is nothing at this path`},
		{"GET", "/nowhere", ``, 404, `there is nothing at this path`},
		{post, "/shelves/a/scan?kind=poem", `anything`, 200, `a 1 poem anything`},
		{post, "/shelves/a/scan?kind=prose", `anything`, 400, `query kind`},
	} {
		before := l.created.Load()
		got := l.do(t, tt.method, tt.path, tt.body)
		if got.status != tt.status || !strings.Contains(got.body, tt.want) {
			t.Errorf("%s %s %s: got %d %s, want %d with %s", tt.method, tt.path, tt.body, got.status, got.body, tt.status, tt.want)
		}
		if done := l.created.Load() != before; done != (got.status == 201) {
			t.Errorf("%s %s %s: got %d, and the function was called: %v", tt.method, tt.path, tt.body, got.status, done)
		}
	}
}

// TestCallersNeedPermission: the face tells who calls, the adapter whether they may.
func TestCallersNeedPermission(t *testing.T) {
	l := newLibrary(t)
	for _, tt := range []struct {
		method, path, card string
		status             int
	}{
		{"GET", "/shelves/a/books", "", 401},
		{"GET", "/shelves/a/books", "reader", 200},
		{"POST", "/shelves/a/scan", "", 401},
		{"POST", "/shelves/a/scan", "reader", 200},
		{"DELETE", "/books/1", "reader", 403},
		{"DELETE", "/books/1", "keeper", 204},
		{"GET", "/open", "", 200},
	} {
		if got := l.do(t, tt.method, tt.path, "", "Card", tt.card); got.status != tt.status {
			t.Errorf("%s %s with the card %q: got %d %s, want %d", tt.method, tt.path, tt.card, got.status, got.body, tt.status)
		}
	}
}

// TestCursorsBelongToTheirList: a cursor leads through one list of one tenant, and is refused by every other.
func TestCursorsBelongToTheirList(t *testing.T) {
	l := newLibrary(t)
	type page struct {
		Data       []Book
		NextCursor *string
	}
	get := func(path string) (p page) {
		t.Helper()
		if r := l.do(t, "GET", path, ""); r.status != 200 || json.Unmarshal([]byte(r.body), &p) != nil {
			t.Fatalf("GET %s: got %d %s", path, r.status, r.body)
		}
		return p
	}
	var seen []string
	first := get("/shelves/a/books?limit=2")
	for p := first; ; p = get("/shelves/a/books?limit=2&cursor=" + *p.NextCursor) {
		for _, b := range p.Data {
			seen = append(seen, b.ID)
		}
		if p.NextCursor == nil {
			break
		}
	}
	if want := []string{"5", "4", "3", "2", "1"}; !slices.Equal(seen, want) {
		t.Errorf("paging: got %q, want %q", seen, want)
	}
	cursor := "cursor=" + *first.NextCursor
	for _, path := range []string{"/shelves/b/books?" + cursor, "/shelves/a/books?kind=poem&" + cursor, "/shelves/a/books?cursor=cur_0000000000004", "/shelves/a/books?" + cursor + "x"} {
		if r := l.do(t, "GET", path, ""); r.status != 400 || !strings.Contains(r.body, "query cursor") {
			t.Errorf("GET %s: got %d %s, want the cursor refused", path, r.status, r.body)
		}
	}
	if r := l.do(t, "GET", "/shelves/a/books?"+cursor, "", "Library", "2"); r.status != 400 {
		t.Errorf("a cursor of another tenant: got %d %s, want 400", r.status, r.body)
	}
	if r := l.do(t, "GET", "/shelves/a/books?limit=3&"+cursor, "", "Card", "reader"); r.status != 200 {
		t.Errorf("a cursor with another limit and another card: got %d %s, want 200", r.status, r.body)
	}
}

// TestOnce: a POST with an Idempotency-Key is done once, for each caller.
func TestOnce(t *testing.T) {
	l := newLibrary(t)
	post := func(body string, headers ...string) reply {
		return l.do(t, "POST", "/shelves/a/books", body, append([]string{"Idempotency-Key", "k1"}, headers...)...)
	}
	if r := post(`{"title":"lost"}`); r.status != 409 || !strings.Contains(r.body, "it is lost") {
		t.Errorf("a refusal: got %d %s", r.status, r.body)
	}
	first := post(`{"title":"x"}`)
	again := post(`{"title":"x"}`)
	if first.status != 201 || again.body != first.body || again.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" || l.created.Load() != 1 {
		t.Errorf("twice after a refusal: got %+v, then %+v, and %d books", first, again, l.created.Load())
	}
	if r := post(`{"title":"y"}`); r.status != 409 || !strings.Contains(r.body, "header Idempotency-Key") {
		t.Errorf("the same key for another request: got %d %s, want 409", r.status, r.body)
	}
	if r := post(`{"title":"x"}`, "Library", "2"); r.status != 201 || r.body == first.body {
		t.Errorf("the same key for another tenant: got %d %s, want another book", r.status, r.body)
	}
	if r := l.do(t, "POST", "/shelves/a/books", `{"title":"x"}`, "Idempotency-Key", strings.Repeat("k", 257)); r.status != 400 {
		t.Errorf("a long key: got %d %s, want 400", r.status, r.body)
	}
}

// TestDocument: the document agrees with the table and the structs.
func TestDocument(t *testing.T) {
	l := newLibrary(t)
	var d struct {
		Info     struct{ Title, Version string }
		Security []map[string][]string
		Paths    map[string]map[string]struct {
			OperationID string
			Scope       string `json:"x-scope"`
			Parameters  []struct{ Name, In string }
			Responses   map[string]struct{ Content map[string]json.RawMessage }
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]json.RawMessage
				Required   []string
			}
		}
	}
	if err := json.Unmarshal([]byte(l.do(t, "GET", "/openapi.json", "", "Card", "").body), &d); err != nil {
		t.Fatal(err)
	}
	if d.Info.Title != "Library" || d.Info.Version != "1" || len(d.Security) != 1 || d.Security[0]["card"] == nil {
		t.Errorf("info and security: got %+v %v", d.Info, d.Security)
	}
	create := d.Paths["/shelves/{shelf}/books"]["post"]
	var names []string
	for _, p := range create.Parameters {
		names = append(names, p.In+" "+p.Name)
	}
	if create.OperationID != "createBook" || create.Scope != "admin" || create.Responses["201"].Content["application/json"] == nil ||
		!slices.Equal(names, []string{"path shelf", "header Library", "header Idempotency-Key"}) {
		t.Errorf("createBook: got %+v with %q", create, names)
	}
	if s := d.Components.Schemas["NewBook"]; !slices.Equal(s.Required, []string{"title"}) || len(s.Properties) != 7 {
		t.Errorf("NewBook: got %+v", s)
	}
	if s := d.Components.Schemas["Book"]; !slices.Equal(s.Required, []string{"id", "title", "kind", "pages", "tags"}) {
		t.Errorf("Book: got %+v", s)
	}
	if _, ok := d.Components.Schemas["BookList"]; !ok {
		t.Error("the list has no schema BookList")
	}
	page := l.do(t, "GET", "/docs", "", "Card", "")
	for _, want := range []string{"<h1>Library <small>1</small></h1>", "<code>books</code>", `id="createBook"`, "as on the cover"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if len(l.face.Routes()) != 7 {
		t.Errorf("Routes: got %d, want 7", len(l.face.Routes()))
	}
}

// TestNewRefuses: a missing part of a face is reported at the start.
func TestNewRefuses(t *testing.T) {
	if _, err := rest.New(rest.Options{}); err == nil {
		t.Error("New without options: got nil, want an error")
	}
}
