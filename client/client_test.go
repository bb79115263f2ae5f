package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/app"
	"github.com/relay-events/relay/internal/config"
)

const key = "correct-horse-battery-staple"

// server runs Relay itself and returns a client of it.
func server(t *testing.T) *client.Client {
	t.Helper()
	cfg := config.Default()
	cfg.Listen, cfg.Data, cfg.Dev, cfg.AdminKey = "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), true, key
	a, err := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dial(t, a.URL())
}

func dial(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	for _, url := range []string{"", "relay", "ftp://relay", "http://", "http://u:p@relay", "http://relay?x=1", "http://relay#x", "http://[::1"} {
		if _, err := client.New(client.Options{URL: url}); err == nil {
			t.Errorf("New(%q): got nil, want an error", url)
		} else if strings.Contains(err.Error(), "u:p") {
			t.Errorf("New(%q): got %v, want no password in it", url, err)
		}
	}
	if _, err := client.New(client.Options{URL: "http://relay", Key: "a\nb"}); err == nil {
		t.Error("New with a key of two lines: got nil, want an error")
	}
}

func TestPublish(t *testing.T) {
	c := server(t)
	ctx := t.Context()
	at := time.Date(2026, 5, 5, 14, 23, 0, 123e6, time.UTC)
	// Numbers and escapes would not survive a trip through any.
	data := json.RawMessage(`{"n":1.10,"big":12345678901234567890,"html":"<&>","u":"\u0041"}`)
	first, err := c.Publish(ctx, client.NewEvent{ID: "order 1?2", Type: "order.paid", Data: data, Time: at, Key: "k", Version: "v2", Attributes: map[string]any{"a": 1}})
	if err == nil {
		t.Fatalf("an id with a space: got %+v, want it refused", first)
	}
	first, err = c.Publish(ctx, client.NewEvent{ID: "order-1?2", Type: "order.paid", Data: data, Time: at, Key: "k", Version: "v2", Attributes: map[string]any{"a": 1}})
	if err != nil {
		t.Fatal(err)
	}
	if first.ID != "order-1?2" || first.Type != "order.paid" || !first.Timestamp.Equal(at) || first.Duplicate {
		t.Errorf("Publish: got %+v", first)
	}
	got, err := c.GetEvent(ctx, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Data) != string(data) || got.Key != "k" || got.Version != "v2" || string(got.Attributes) != `{"a":1}` || !got.Timestamp.Equal(at) || !got.DeliverAt.IsZero() {
		t.Errorf("Event: got %+v with data %s, want what was published, %s", got, got.Data, data)
	}
	again, err := c.Publish(ctx, client.NewEvent{ID: "order-1?2", Type: "order.paid", Data: data, Time: at, Key: "k", Version: "v2", Attributes: map[string]any{"a": 1}})
	if err != nil || !again.Duplicate {
		t.Errorf("the same again: got %+v, %v, want a duplicate", again, err)
	}
	var e *client.Error
	if _, err := c.Publish(ctx, client.NewEvent{ID: "order-1?2", Type: "order.paid", Data: 2}); !errors.As(err, &e) || e.Status != 409 || e.Kind() != "conflict" {
		t.Errorf("the same id with another body: got %v, want a conflict", err)
	}

	many, err := c.PublishMany(ctx, []client.NewEvent{{Type: "a.b", Data: 1, ID: "m1"}, {Type: "a.b", Data: nil, ID: "m2"}})
	if err != nil || many.Accepted != 2 || many.Duplicates != 0 || len(many.Events) != 2 || many.Events[1].ID != "m2" {
		t.Errorf("PublishMany: got %+v, %v", many, err)
	}
	if _, err := c.PublishMany(ctx, []client.NewEvent{{Type: "a.b", Data: 1}, {Data: 1}}); !errors.As(err, &e) || e.Status != 422 || len(e.Fields) != 1 || e.Fields[0].Field != "[1].type" || e.RequestID == "" {
		t.Errorf("a bad event in an array: got %#v, want the field [1].type", err)
	}
	if _, err := c.PublishMany(ctx, nil); err == nil {
		t.Error("PublishMany of nothing: got nil, want an error")
	}

	page, err := c.ListEventsPage(ctx, client.ListEventsParams{Type: "a.b", Limit: 1, Since: time.Now().Add(-time.Hour)})
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "m2" || page.NextCursor == "" {
		t.Fatalf("Events: got %+v, %v, want the newest and a cursor", page, err)
	}
	page, err = c.ListEventsPage(ctx, client.ListEventsParams{Type: "a.b", Limit: 1, Cursor: page.NextCursor})
	if err != nil || len(page.Data) != 1 || page.Data[0].ID != "m1" {
		t.Errorf("the next page: got %+v, %v, want the one before", page, err)
	}
	if _, err := c.GetEvent(ctx, "evt_0000000000000"); !client.IsNotFound(err) {
		t.Errorf("an event that is not there: got %v, want IsNotFound", err)
	}
}

func TestStream(t *testing.T) {
	c := server(t)
	r, w := io.Pipe()
	progress := make(chan client.StreamLine, 100)
	go func() {
		io.WriteString(w, `{"type":"a.b","data":1,"id":"s1"}`+"\n")
		<-progress // while the stream is open
		io.WriteString(w, `{"type":"a.b","data":2,"id":"s2"}`+"\n"+`{"type":"a..b","data":1}`+"\n\n"+`{"type":"a.b","data":1,"id":"s1"}`+"\n")
		w.Close()
	}()
	var bad []client.StreamLine
	got, err := c.PublishStream(t.Context(), r, func(l client.StreamLine) {
		if l.Err != nil {
			bad = append(bad, l)
		} else {
			progress <- l
		}
	})
	if want := (client.StreamResult{Lines: 5, Accepted: 2, Duplicates: 1, Failed: 1}); err != nil || got != want {
		t.Errorf("PublishStream: got %+v, %v, want %+v", got, err, want)
	}
	if len(bad) != 1 || bad[0].Line != 3 || bad[0].Err.Kind() != "invalid" || bad[0].Err.Fields[0].Field != "type" {
		t.Errorf("bad lines: got %+v, want line 3 with its field", bad)
	}
	var e *client.Error
	if _, err := dialWith(t, c, "wrong-key-of-some-length").PublishStream(t.Context(), strings.NewReader("{}"), nil); !errors.As(err, &e) || e.Status != 401 {
		t.Errorf("without a valid key: got %v, want 401", err)
	}
}

// dialWith returns a client of the same server with another key.
func dialWith(t *testing.T, c *client.Client, key string) *client.Client {
	t.Helper()
	other, err := client.New(client.Options{URL: c.URL(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// A stream is only a success when its summary says so.
func TestStreamCutOff(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"no summary", `{"line":1,"accepted":1,"duplicates":0}` + "\n", "unexpected EOF"},
		{"given up", `{"line":2,"lastLine":9,"error":{"type":"urn:relay:problem:unavailable","status":503,"detail":"disk full"}}` + "\n" + `{"done":false,"lines":9,"accepted":1,"duplicates":0,"failed":8}` + "\n", "given up after 9 lines: disk full"},
		{"not JSON", "<html>\n", "reading the answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.WriteHeader(202)
				io.WriteString(w, tt.answer)
			}))
			defer s.Close()
			got, err := dial(t, s.URL).PublishStream(t.Context(), strings.NewReader("{}"), nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v, want an error with %q", got, err, tt.want)
			}
		})
	}
}

func TestWebhooks(t *testing.T) {
	c := server(t)
	ctx := t.Context()
	hits := make(chan http.Header, 10)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits <- r.Header
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "no coffee")
	}))
	defer endpoint.Close()

	made, err := c.CreateWebhook(ctx, client.CreateWebhook{
		URL: endpoint.URL, Description: client.Set("mine"), Events: client.Set([]string{"order.*"}), Signature: client.Set("relay+standard"),
		Timeout: client.Set(client.Duration(3 * time.Second)),
		Retry:   client.Set(client.RetryFields{Attempts: client.Set(2), Waits: client.Set([]client.Duration{client.Duration(time.Hour)})}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Secret, "whsec_") || made.Status != "active" || made.Timeout != client.Duration(3*time.Second) || made.Retry.Attempts != 2 || made.Retry.Waits[0] != client.Duration(time.Hour) {
		t.Errorf("CreateWebhook: got %+v", made)
	}
	var e *client.Error
	if _, err := c.CreateWebhook(ctx, client.CreateWebhook{}); !errors.As(err, &e) || e.Kind() != "invalid" || e.Fields[0].Field != "url" {
		t.Errorf("without a URL: got %v, want the field url", err)
	}

	changed, err := c.UpdateWebhook(ctx, made.ID, client.UpdateWebhook{Description: client.Set("ours")})
	if err != nil || changed.Description != "ours" || changed.Events[0] != "order.*" || changed.Secret != "" {
		t.Errorf("UpdateWebhook: got %+v, %v, want only the description changed", changed, err)
	}
	list, err := c.ListWebhooksPage(ctx, client.ListWebhooksParams{})
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != made.ID {
		t.Errorf("Webhooks: got %+v, %v", list, err)
	}
	if w, err := c.PauseWebhook(ctx, made.ID); err != nil || w.Status != "paused" {
		t.Errorf("PauseWebhook: got %q, %v", w.Status, err)
	}
	if w, err := c.ResumeWebhook(ctx, made.ID); err != nil || w.Status != "active" {
		t.Errorf("ResumeWebhook: got %q, %v", w.Status, err)
	}
	if w, err := c.RotateWebhookSecret(ctx, made.ID, client.RotateRequest{Overlap: client.Set(client.Duration(time.Hour))}); err != nil || !strings.HasPrefix(w.Secret, "whsec_") || w.Secret == made.Secret {
		t.Errorf("RotateWebhookSecret: got %+v, %v, want a new secret", w, err)
	}

	test, err := c.TestWebhook(ctx, made.ID, client.TestRequest{Type: client.Set("call.urgent")})
	tried := test.Attempt
	if err != nil || !tried.Test || tried.Outcome != "failed" || tried.Response == nil || tried.Response.Status != 418 || tried.Response.Body != "no coffee" || tried.Error.Kind != "status" {
		t.Errorf("TestWebhook: got %+v, %v", tried, err)
	}
	if h := <-hits; h.Get("X-Relay-Test") != "true" {
		t.Errorf("headers of the test: got %v", h)
	}
	published, err := c.Publish(ctx, client.NewEvent{Type: "order.paid", Data: 1})
	if err != nil {
		t.Fatal(err)
	}
	<-hits
	var page client.Page[client.Attempt]
	for deadline := time.Now().Add(30 * time.Second); len(page.Data) < 1; time.Sleep(5 * time.Millisecond) {
		if page, err = c.ListWebhookAttemptsPage(ctx, made.ID, client.ListWebhookAttemptsParams{Status: "retrying", Code: "4xx", EventType: "order.paid", Since: time.Now().Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the attempt was not in the log within 30 s")
		}
	}
	got, err := c.GetAttempt(ctx, page.Data[0].ID)
	if err != nil || got.EventID != published.ID || got.NextAttemptAt.IsZero() || !strings.Contains(got.Request.Body, `"data":1`) {
		t.Errorf("Attempt: got %+v, %v", got, err)
	}
	if d, err := c.GetDelivery(ctx, got.DeliveryID); err != nil || d.State != "waiting" || d.Attempts != 1 || d.WebhookID != made.ID {
		t.Errorf("Delivery: got %+v, %v", d, err)
	}
	if err := c.DeleteWebhook(ctx, made.ID); err != nil {
		t.Errorf("DeleteWebhook: %v", err)
	}
	if _, err := c.GetWebhook(ctx, made.ID); !client.IsNotFound(err) {
		t.Errorf("after the deletion: got %v, want IsNotFound", err)
	}
}

// The answer may not be Relay's at all.
func TestOtherAnswers(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		check  func(*client.Error) bool
	}{
		{"a proxy's page", 502, nil, "<html>secret stuff</html>", func(e *client.Error) bool {
			return e.Status == 502 && e.Kind() == "" && !strings.Contains(e.Error(), "html") && strings.Contains(e.Error(), "Bad Gateway")
		}},
		{"overload", 503, map[string]string{"Retry-After": "7"}, `{"type":"urn:relay:problem:unavailable","title":"x","detail":"busy"}`, func(e *client.Error) bool {
			return e.Temporary() && e.RetryAfter == 7*time.Second && e.Kind() == "unavailable"
		}},
		{"a redirect", 307, map[string]string{"Location": "http://192.0.2.1/"}, "", func(e *client.Error) bool { return e.Status == 307 && !e.Temporary() }},
		{"nothing", 500, nil, "", func(e *client.Error) bool { return e.Status == 500 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for name, value := range tt.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(tt.status)
				io.WriteString(w, tt.body)
			}))
			defer s.Close()
			_, err := dial(t, s.URL).Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1})
			var e *client.Error
			if !errors.As(err, &e) || !tt.check(e) || strings.Contains(err.Error(), key) {
				t.Errorf("got %v (%#v)", err, e)
			}
		})
	}
}

// The server may live below a path, as behind a proxy.
func TestServerBelowAPath(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"id":"`+r.RequestURI+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Relay-Tenant")+`"}`)
	}))
	defer s.Close()
	c, err := client.New(client.Options{URL: s.URL + "/relay/", Key: "k", Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetEvent(t.Context(), "a/b ?")
	if want := "/relay/v1/events/a%2Fb%20%3F Bearer k acme"; err != nil || got.ID != want {
		t.Errorf("request: got %q, %v, want %q", got.ID, err, want)
	}
}
