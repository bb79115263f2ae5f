package app

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestPushRequests compares the requests on the socket with the three printed in
// push-event-webhook.txt under "Authentication": the header fields, each once, and the body.
func TestPushRequests(t *testing.T) {
	printed, err := os.ReadFile("testdata/push-event.json")
	if err != nil {
		t.Fatal(err)
	}
	var event struct {
		ID      string          `json:"event_id"`
		Name    string          `json:"event_name"`
		Time    string          `json:"event_ts"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(printed, &event); err != nil {
		t.Fatal(err)
	}
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"BEARER","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	for name, tc := range map[string]struct {
		auth        client.AuthFields
		field, want string
	}{
		"Basic auth": {
			client.AuthFields{Type: client.Set("basic"), Username: client.Set("user"), Password: client.Set("pass")},
			"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass")),
		},
		"API key":                    {client.AuthFields{Type: client.Set("apiKey"), Token: client.Set("API_KEY")}, "ApiKey", "API_KEY"},
		"Oauth - Client Credentials": {client.AuthFields{Type: client.Set("oauth2"), ClientID: client.Set("c"), ClientSecret: client.Set("s"), TokenURL: client.Set(tokens.URL), Scope: client.Set("")}, "Authorization", "Bearer BEARER"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			type raw struct{ head, body string }
			got := make(chan raw, 1)
			go func() {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
				r := bufio.NewReader(c)
				var q raw
				length := 0
				for {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := fmt.Sscanf(line, "Content-Length: %d", &length); err == nil && length > 1<<20 {
						return
					}
					if line == "\r\n" {
						break
					}
					q.head += line
				}
				body := make([]byte, length)
				if _, err := io.ReadFull(r, body); err != nil {
					return
				}
				q.body = string(body)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				got <- q
			}()
			a := run(t, settings(t))
			api := dial(t, a, adminKey)
			if _, err := api.CreateWebhook(t.Context(), client.CreateWebhook{
				URL: "http://" + l.Addr().String() + "/endpoint", Preset: client.Set("push"), Auth: client.Set(tc.auth),
			}); err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(map[string]any{"type": event.Name, "id": event.ID, "timestamp": event.Time, "data": event.Payload})
			if err != nil {
				t.Fatal(err)
			}
			if answer := call(t, a, "POST", "/v1/events", string(body)); !strings.Contains(string(answer), event.ID) {
				t.Fatalf("publishing: got %s", answer)
			}
			q := <-got
			lines := strings.Split(strings.TrimSuffix(q.head, "\r\n"), "\r\n")
			if lines[0] != "POST /endpoint HTTP/1.1" {
				t.Errorf("got %q, want POST --location $CUSTOM_ENDPOINT", lines[0])
			}
			fields := make(map[string]string)
			for _, line := range lines[1:] {
				name, value, ok := strings.Cut(line, ": ")
				if _, twice := fields[name]; twice || !ok {
					t.Errorf("field %q is broken, or there twice", line)
				}
				fields[name] = value
			}
			for name, want := range map[string]string{"Content-Type": "application/json", tc.field: tc.want} {
				if fields[name] != want {
					t.Errorf("%s: got %q, want %q", name, fields[name], want)
				}
				delete(fields, name)
			}
			for name := range fields { // added by Relay to every request
				switch name {
				case "Host", "User-Agent", "Content-Length", "X-Relay-Event", "X-Relay-Delivery", "X-Relay-Attempt":
				default:
					t.Errorf("there is a field %q that nothing asks for", name)
				}
			}
			var sent, want any
			if err := json.Unmarshal([]byte(q.body), &sent); err != nil || json.Unmarshal(printed, &want) != nil || !reflect.DeepEqual(sent, want) {
				t.Errorf("body: got %s, %v, want %s", q.body, err, printed)
			}
		})
	}
}
