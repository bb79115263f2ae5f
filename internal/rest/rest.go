// Package rest turns a table of Go functions into a JSON API that documents itself.
//
// A face, such as package api, has a table of routes. Each route is a Go function from a request struct to an answer
// struct; Handle makes an http.Handler of it. The OpenAPI document and its page are made from the same table and the same
// structs, so that they cannot disagree with the code. A face brings its table, the words of its document, and a function
// that tells who is calling; it gets everything else from here.
//
// # The way of a request
//
//  1. Face.ServeHTTP (rest.go) refuses paths that net/http would redirect, and finds the route.
//  2. Face.Caller (caller.go) asks the face's Identify for the caller and checks the permission that the route names.
//  3. plan.read (request.go) fills the request struct from the path, the query and the body. The body is decoded by a
//     decoder of its own (decode.go), which refuses unknown names and names every wrong field by its path.
//  4. A cursor is opened (cursor.go): callers hold it encrypted and bound to one list.
//  5. Face.answerOnce (once.go) looks for an earlier answer to the same Idempotency-Key.
//  6. The function runs: it calls the domain and returns an answer struct or an error. A *problem.Error says what the caller
//     can do about it; any other error is internal and only logged. Package web writes both as problem documents.
//  7. The answer's cursor is sealed, the answer is encoded, compressed if that pays (compress.go), and sent.
//
// A route that reads or writes streams, or whose body another package reads, is made with Raw and begins after step 2; the
// path and the query are read for it as well. A plain publish request never comes here: web/express.go has it answered by
// api.Express.
//
// # The document
//
// schema.go makes JSON Schemas of the structs, openapi.go the document around them, docs.go the page. Struct tags hold the
// words: doc, example, default, enum, min, max, maxItems, maxLength, required, text; each is described where it is read.
//
// Why no framework makes the document: those we tried decode with encoding/json or into maps. So they let duplicate names
// and names in the wrong case pass, and cannot tell a member that is null from one that is left out, on which PATCH rests.
package rest

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// Options has the parts that a face gives to the adapter. All fields are required unless they say otherwise.
type Options struct {
	// Identify tells who makes a request, from its credentials. It returns a problem if there are none that are valid.
	// The adapter checks permissions itself.
	Identify func(r *http.Request) (*Caller, error)
	// Answers keeps the answers to requests with the header Idempotency-Key, and the key of cursors.
	Answers account.AnswerStore
	// About has the document's words about the API as a whole.
	About About
	// Log gets what no client is told. Nil: nothing is logged.
	Log *slog.Logger
}

// Face serves one table of routes. It is an http.Handler, and safe for concurrent use once Serve has returned.
type Face struct {
	identify func(r *http.Request) (*Caller, error)
	answers  account.AnswerStore
	about    About
	log      *slog.Logger

	mux      *http.ServeMux
	routes   []Route
	document func() (packed, error) // set by Serve; made when it is asked for, as most runs of the program never are
	page     func() (packed, error)
	cursors  atomic.Pointer[cipher.AEAD] // nil until the first list needs it
}

// packed is a body that never changes, plain and as gzip.
type packed struct{ plain, zipped []byte }

// New returns a face without routes. Serve gives it some.
func New(o Options) (*Face, error) {
	if o.Identify == nil || o.Answers == nil || o.About.Title == "" {
		return nil, errors.New("rest: Options lack Identify, Answers or About.Title")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Face{identify: o.Identify, answers: o.Answers, about: o.About, log: o.Log}, nil
}

// Serve makes the face answer the routes. It is called once, before the first request.
func (f *Face) Serve(routes []Route) {
	f.routes, f.mux = routes, http.NewServeMux()
	for i := range routes {
		f.mux.Handle(routes[i].Pattern(), routes[i].Handler)
	}
	f.mux.Handle("/", notFound(f.mux))
	f.mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { // browsers ask for it beside the page
		w.Header().Set("Cache-Control", "max-age=86400")
		w.WriteHeader(http.StatusNoContent)
	})
	f.document = sync.OnceValues(func() (packed, error) {
		document, err := json.Marshal(f.Document())
		if err != nil {
			return packed{}, fmt.Errorf("encoding the document of %s: %w", f.about.Title, err)
		}
		return packed{document, compressed(document)}, nil
	})
	f.page = sync.OnceValues(func() (packed, error) {
		page, err := renderDocs(f.Document())
		if err != nil {
			return packed{}, fmt.Errorf("rendering the page of %s: %w", f.about.Title, err)
		}
		return packed{page, compressed(page)}, nil
	})
	// A new installation makes its key of cursors now, because lists must work on a full disk as well. Where it cannot be
	// made now, the first list tries again.
	if _, err := f.cursorCipher(context.Background()); err != nil {
		f.log.Warn("the key of cursors could not be read yet", "error", err)
	}
}

// Routes returns the routes that the face serves.
func (f *Face) Routes() []Route { return f.routes }

// ServeHTTP implements http.Handler.
func (f *Face) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The mux would redirect a path such as /v1/campaigns//x to /v1/campaigns/x. A call with an empty id would then be made
	// about something else.
	if p := r.URL.EscapedPath(); strings.Contains(p, "//") || strings.Contains(p, "/.") && path.Clean(p) != p {
		nowhere.ServeHTTP(w, r)
		return
	}
	f.mux.ServeHTTP(w, r)
}

func errNowhere() error {
	return problem.New(problem.NotFound, "there is nothing at this path; /docs lists what there is")
}

// nowhere answers a path that no route can have.
var nowhere = web.Handler(func(w http.ResponseWriter, _ *http.Request) error {
	web.APIHeaders(w.Header())
	return errNowhere()
})

// methods are those that routes have.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// notFound answers a request that matches no route: 405 for a path that exists with other methods, else 404.
func notFound(mux *http.ServeMux) http.Handler {
	return web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		var allowed []string
		for _, method := range methods {
			probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(probe); pattern != "/" && pattern != "" {
				allowed = append(allowed, method)
			}
		}
		if allowed == nil {
			return errNowhere()
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return problem.New(problem.MethodNotAllowed, "this path takes %s, not %s", strings.Join(allowed, ", "), r.Method)
	})
}
