package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress"
)

// TestHostileTokenServer is S27: whatever a token server answers, the outcome is a token that is one, or words.
func TestHostileTokenServer(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		numbered(w, r, 1)
	}))
	defer other.Close()
	doc := func(body string) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, body)
		}
	}
	expires := func(v string) func(http.ResponseWriter, *http.Request, int64) {
		return doc(`{"access_token":"t","token_type":"bearer","expires_in":` + v + `}`)
	}
	status := func(code int, body string) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", other.URL+"/token")
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	typed := func(contentType, body string) func(http.ResponseWriter, *http.Request, int64) {
		return func(w http.ResponseWriter, _ *http.Request, _ int64) {
			w.Header().Set("Content-Type", contentType)
			io.WriteString(w, body)
		}
	}
	const good = `{"access_token":"t"}`
	for _, tc := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request, int64)
		want   string        // of the error, "" for a token
		life   time.Duration // of the token
	}{
		{"good", expires(`3600`), "", time.Hour},
		{"expires_in in quotes", expires(`"3600"`), "", time.Hour},
		{"expires_in with a fraction", expires(`1.5`), "", 1500 * time.Millisecond},
		{"expires_in below a second", expires(`0.001`), "", time.Second},
		{"expires_in absent", doc(good), "", defaultLife},
		{"expires_in null", expires(`null`), "", defaultLife},
		{"expires_in 1e99", expires(`1e99`), "", maxLife},
		{"expires_in 2^63", expires(`9223372036854775808`), "", maxLife},
		{"expires_in 1e999", expires(`1e999`), "", maxLife},
		{"expires_in 0", expires(`0`), "", defaultLife},
		{"expires_in -1", expires(`-1`), "", defaultLife},
		{"expires_in abc", expires(`"abc"`), "", defaultLife},
		{"expires_in nan", expires(`"nan"`), "", defaultLife},
		{"expires_in inf", expires(`"Inf"`), "", defaultLife},
		{"expires_in hexadecimal", expires(`"0x10"`), "", defaultLife},
		{"expires_in empty", expires(`""`), "", defaultLife},
		{"expires_in true", expires(`true`), "", defaultLife},
		{"expires_in an object", expires(`{}`), "", defaultLife},
		{"expires_in an array", expires(`[3600]`), "", defaultLife},
		{"token with CRLF", doc(`{"access_token":"t\r\nX-Evil: 1"}`), "characters that a token cannot have", 0},
		{"token with NUL", doc(`{"access_token":"t\u0000"}`), "characters that a token cannot have", 0},
		{"token with a space", doc(`{"access_token":"t x"}`), "characters that a token cannot have", 0},
		{"token with an umlaut", doc(`{"access_token":"tü"}`), "characters that a token cannot have", 0},
		{"no token", doc(`{"token_type":"Bearer"}`), "no access_token", 0},
		{"token is empty", doc(`{"access_token":""}`), "no access_token", 0},
		{"token is a number", doc(`{"access_token":5}`), "not a JSON object", 0},
		{"token too long", doc(`{"access_token":"` + strings.Repeat("t", maxToken+1) + `"}`), "longer than 7168", 0},
		{"longest token", doc(`{"access_token":"` + strings.Repeat("t", maxToken) + `"}`), "", defaultLife},
		{"other type", doc(`{"access_token":"t","token_type":"mac"}`), "token_type", 0},
		{"old type", doc(`{"access_token":"t","token_type":"BearerToken"}`), "", defaultLife},
		{"null", doc(`null`), "no access_token", 0},
		{"array", doc(`[]`), "not a JSON object", 0},
		{"nothing", doc(``), "not a JSON object", 0},
		{"cut short", doc(`{"access_token":"t"`), "not a JSON object", 0},
		{"text behind", doc(good + good), "not a JSON object", 0},
		{"deep", doc(strings.Repeat(`[`, 60_000)), "not a JSON object", 0},
		{"form", typed("application/x-www-form-urlencoded", "access_token=t"), "not a JSON object", 0},
		{"HTML", typed("text/html", good), "", defaultLife},
		{"broken type", typed("a/b/c;;", good), "", defaultLife},
		{"a list of types", typed("application/json; charset=utf-8, application/json", good), "", defaultLife},
		{"a page", typed("text/html", "<html>"+canary), "not a JSON object", 0},
		{"byte order mark", doc("\ufeff" + good), "", defaultLife},
		{"type with a blank", doc(`{"access_token":"t","token_type":"Bearer "}`), "", defaultLife},
		{"wrong secret, as text", func(w http.ResponseWriter, r *http.Request, n int64) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(400)
			io.WriteString(w, `{"error":"invalid_client"}`)
		}, "400 invalid_client: clientId or clientSecret is wrong", 0},
		{"JSON of another kind", typed("application/token+json", good), "", defaultLife},
		{"64 KiB", doc(good + strings.Repeat(" ", 64<<10-len(good))), "", defaultLife},
		{"64 KiB and one", doc(good + strings.Repeat(" ", 64<<10-len(good)+1)), "longer than 64 KiB", 0},
		{"10 MiB", doc(strings.Repeat(" ", 10<<20) + good), "longer than 64 KiB", 0},
		{"redirect 302", status(302, good), "redirect (302), which is not followed", 0},
		{"redirect 307", status(307, good), "redirect (307), which is not followed", 0},
		{"wrong secret", status(401, `{"error":"invalid_client","error_description":"`+canary+`"}`), "401 invalid_client: clientId or clientSecret is wrong", 0},
		{"echo in the error", status(400, `{"error":"`+canary+`"}`), "the answer is 400", 0},
		{"error that is no JSON", status(400, canary), "the answer is 400", 0},
		{"echo in a broken answer", doc(`{"access_token":"` + canary + `\n"}`), "characters that a token cannot have", 0},
		{"echo in the type", typed(canary, good), "", defaultLife},
		{"500", status(500, ""), "the answer is 500", 0},
		{"hangs up", func(http.ResponseWriter, *http.Request, int64) { panic(http.ErrAbortHandler) }, "no token from", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newTokenServer(t, tc.answer)
			a := s.auth(t)
			begun := time.Now()
			f, ok, err := a.Header(t.Context())
			ended := time.Now()
			if tc.want == "" {
				if !ok || err != nil || !strings.HasPrefix(f.Value, "Bearer t") {
					t.Fatalf("got %t, %v, want a token", ok, err)
				}
				late := a.tokens.current.late
				if want := tc.life - min(lateRefresh, tc.life/4); late.Before(begun.Add(want)) || late.After(ended.Add(want)) {
					t.Errorf("it is handed out for %v, want %v", late.Sub(begun), want)
				}
			} else {
				var e *Error
				if ok || !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("got %t, %v, want an error …%s…", ok, err, tc.want)
				}
				for cause := err; cause != nil; cause = errors.Unwrap(cause) {
					noSecrets(t, "the error", cause)
				}
				noSecrets(t, "the field", f)
			}
			noSecrets(t, "the authenticator", a)
			if n := s.asked.Load(); n != 1 {
				t.Errorf("got %d requests, want 1", n)
			}
		})
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("redirects led to %d requests elsewhere, want 0", n)
	}
}

// TestTokenRequest: the request for a token, in both styles.
func TestTokenRequest(t *testing.T) {
	type asked struct {
		method, path, accept, contentType, user, password string
		form                                              url.Values
	}
	got := make(chan asked, 1)
	s := newTokenServer(t, func(w http.ResponseWriter, r *http.Request, n int64) {
		r.ParseForm()
		user, password, _ := r.BasicAuth()
		got <- asked{r.Method, r.RequestURI, r.Header.Get("Accept"), r.Header.Get("Content-Type"), user, password, r.PostForm}
		numbered(w, r, n)
	})
	for _, style := range []Style{"", StyleHeader, StyleBody} {
		set := s.settings()
		set.TokenURL += "?tenant=1"
		set.Style, set.Scope, set.Audience = style, "a b/c", "https://api.example.com/"
		set.Parameters = "resource=https%3A%2F%2Fapi.example.com%2F%3Fa%3D1%26b&x+y=%C3%BC"
		set.ClientID, set.ClientSecret = "me: ü&you", "s%+ :&="
		wantHeader(t, newAuth(t, set, s.client), "Authorization", fmt.Sprint("Bearer t", s.asked.Load()+1))
		g := <-got
		want := url.Values{"grant_type": {"client_credentials"}, "scope": {"a b/c"}, "audience": {"https://api.example.com/"}, "resource": {"https://api.example.com/?a=1&b"}, "x y": {"ü"}}
		user, password := "me%3A+%C3%BC%26you", "s%25%2B+%3A%26%3D" // RFC 6749 section 2.3.1
		if style == StyleBody {
			want.Set("client_id", "me: ü&you")
			want.Set("client_secret", "s%+ :&=")
			user, password = "", ""
		}
		if g.method != "POST" || g.path != "/token?tenant=1" || g.accept != "application/json" || g.contentType != "application/x-www-form-urlencoded" {
			t.Errorf("style %q: got %s %s, Accept %q, Content-Type %q", style, g.method, g.path, g.accept, g.contentType)
		}
		if g.user != user || g.password != password || g.form.Encode() != want.Encode() {
			t.Errorf("style %q: got %q:%q and form %q, want %q:%q and %q", style, g.user, g.password, g.form.Encode(), user, password, want.Encode())
		}
	}
	set := s.settings()
	wantHeader(t, newAuth(t, set, s.client), "Authorization", "Bearer t4")
	if g := <-got; g.form.Has("scope") || g.form.Has("audience") {
		t.Errorf("without scope and audience: got form %q, want neither", g.form.Encode())
	}
}

// TestTokenURLIsGuarded: the token server is reached through the guard, when it is saved and when it is asked.
func TestTokenURLIsGuarded(t *testing.T) {
	s := newTokenServer(t, numbered)
	strict := egress.New(egress.Options{})
	defer strict.Close()
	if _, err := New(s.settings(), strict); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("New with a token URL on loopback: got %v, want it refused", err)
	}
	a := s.auth(t)
	a.Close()
	// As if the address had been allowed when it was saved, and is not any more.
	q, err := newTokenRequest(s.settings(), s.client)
	if err != nil {
		t.Fatal(err)
	}
	q.client = strict
	_, e := q.fetch(t.Context())
	var ee *egress.Error
	if e == nil || !errors.As(e, &ee) || ee.Kind != egress.KindBlocked {
		t.Errorf("fetch from loopback: got %v, want kind %s", e, egress.KindBlocked)
	}
	if n := s.asked.Load(); n != 0 {
		t.Errorf("got %d requests, want 0", n)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "301": maxAfter, "99999999999999999999": maxAfter, "7.5": 8 * time.Second, "-5": 0, "x": 0,
		"Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 11:00:00 GMT": 0, "Sun, 22 Nov 2026 12:00:00 GMT": maxAfter,
	} {
		if got := retryAfter(&egress.Response{Header: []egress.Field{{Name: "retry-after", Value: v}}}, now); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", v, got, want)
		}
	}
}

// FuzzParseToken: no answer gives a token that a header cannot carry, or a lifetime out of bounds.
func FuzzParseToken(f *testing.F) {
	for _, s := range []string{`{"access_token":"t","expires_in":3600}`, `{"access_token":"t\r\n","expires_in":"1e99"}`, `{"expires_in":-1}`, `null`, ``} {
		f.Add([]byte(s), "application/json")
	}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		res := &egress.Response{Status: 200, Header: []egress.Field{{Name: "Content-Type", Value: contentType}}, Body: body}
		value, life, why := parseToken(res)
		if why != "" {
			if value != "" || life != 0 {
				t.Errorf("%q: got %q, %v beside %q, want neither", body, value, life, why)
			}
			return
		}
		if value == "" || egress.CheckHeader("Authorization", "Bearer "+value) != nil || life < time.Second || life > maxLife {
			t.Errorf("%q: got token %q for %v, want one that can be sent, for 1 s to %v", body, value, life, maxLife)
		}
	})
}
