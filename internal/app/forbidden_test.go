package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Addresses that lead inside, names that mean this machine or its network, and texts that parsers
// of URLs read in different ways. Package egress has them with their neighbours, and tests them on
// the wire; here they are given to each part of Relay that takes a URL.
var (
	insideHosts = strings.Fields(`127.0.0.1 127.0.0.2 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.254
		192.168.0.1 192.168.255.255 100.64.0.1 100.127.255.254 169.254.0.1 169.254.169.254 169.254.170.2 100.100.100.200 192.0.0.8
		192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.88.99.1 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255 169.254.169.123
		[::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
		[::127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::a00:1] [2002:7f00:1::1] [2002:a9fe:a9fe::] [fc00::1]
		[fd00:ec2::254] [fe80::1] [ff02::1] [2001:db8::1] [100::1]
		2130706433 017700000001 0x7f000001 0x7f.0.0.1 0177.0.0.1 127.1 127.0.1 0 2852039166 0xa9fea9fe 0251.0376.0251.0376 169.254.43518
		127.0.0.1. ①②⑦.⓪.⓪.① localhost LOCALHOST localhost. foo.localhost metadata.google.internal metadata instance-data
		kubernetes.default.svc host.docker.internal printer.local`)
	oddURLs = strings.Fields(`https://example.com@127.0.0.1/ https://93.184.216.34:443@127.0.0.1/ https://127.0.0.1#@example.com/
		https://example.com;@127.0.0.1/ https://user:pw@host:pw@127.0.0.1/ https://127.0.0.1:80\@example.com/ https://[::1]:443@example.com/
		https://127.0.0.1%00.example.com/ https://%31%32%37.0.0.1/ https://127。0。0。1/ https:/127.0.0.1/ https:///127.0.0.1/
		https:127.0.0.1 //127.0.0.1/ HTTPS://127.0.0.1/ https://[::1/
		http://1.1.1.1/ file:///etc/passwd gopher://127.0.0.1:6379/_PING ftp://1.1.1.1/ dict://127.0.0.1:11211/ ldap://127.0.0.1/
		unix:///run/docker.sock http+unix://%2Frun%2Fdocker.sock/x data:text/plain,x javascript:alert(1) ws://1.1.1.1/ jar:https://1.1.1.1!/
		https://1.1.1.1:0/ https://1.1.1.1:65536/ https://1.1.1.1:-1/ https://1.1.1.1:22/ https://1.1.1.1:25/ https://1.1.1.1:6667/`)
	outsideHosts = strings.Fields(`1.1.1.1 8.8.8.8 93.184.216.34 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1 169.253.255.255
		169.255.0.1 192.0.1.1 198.17.255.255 198.20.0.1 223.255.255.255 [2606:4700:4700::1111] [2001:4860:4860::8888] [64:ff9b::808:808]`)
)

// TestForbiddenURLs gives every URL that leads inside to every part of Relay that takes one, when it
// is created and when it is changed: each is refused, with the field named, and nothing is stored.
// Public addresses next to the forbidden ones are taken.
func TestForbiddenURLs(t *testing.T) {
	cfg := settings(t)
	cfg.Dev = false
	a := run(t, cfg)
	c := httpClient(t)
	send := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	made := func(path, body, member string) string {
		t.Helper()
		status, b := send("POST", path, body)
		var v map[string]any
		if err := json.Unmarshal([]byte(b), &v); err != nil || status != 201 {
			t.Fatalf("POST %s: got %d %s", path, status, b)
		}
		return fmt.Sprint(v[member])
	}
	const token = `"auth":{"type":"oauth2","clientId":"a","clientSecret":"b","scope":"","tokenUrl":%s}`
	webhook := made("/v1/webhooks", `{"url":"https://1.1.1.1/"}`, "id")
	made("/v1/connectors", `{"document":`+quote(aConnector)+`}`, "name")
	if status, b := send("PATCH", "/v1/connectors/canaries", `{"version":"1.0.0","state":"live"}`); status != 200 {
		t.Fatalf("releasing a connector: %d %s", status, b)
	}
	connection := made("/v1/connections", `{"connector":"canaries","name":"partner","fields":{"url":"https://1.1.1.1/","token":"t"}}`, "id")

	sinks := []struct {
		name, method, path, body string // %s in the body is the URL as JSON
		field                    string
		list                     string // what must not change by a refused request
	}{
		{"webhook", "POST", "/v1/webhooks", `{"url":%s}`, "url", "/v1/webhooks"},
		{"webhook changed", "PATCH", "/v1/webhooks/" + webhook, `{"url":%s}`, "url", "/v1/webhooks"},
		{"token server", "POST", "/v1/webhooks", `{"url":"https://1.1.1.1/",` + token + `}`, "auth.tokenUrl", "/v1/webhooks"},
		{"token server changed", "PATCH", "/v1/webhooks/" + webhook, `{` + token + `}`, "auth.tokenUrl", "/v1/webhooks"},
		{"gate", "PATCH", "/v1/gate", `{"url":%s}`, "url", "/v1/gate"},
		{"token server of the gate", "PATCH", "/v1/gate", `{"url":"https://1.1.1.1/",` + token + `}`, "auth.tokenUrl", "/v1/gate"},
		{"REST hook", "POST", "/v1/hooks", `{"targetUrl":%s,"event":"call.completed"}`, "targetUrl", "/v1/hooks"},
		{"connection", "POST", "/v1/connections", `{"connector":"canaries","name":"other","fields":{"url":%s,"token":"t"}}`, "fields.url", "/v1/connections"},
		{"connection changed", "PATCH", "/v1/connections/" + connection, `{"fields":{"url":%s}}`, "fields.url", "/v1/connections"},
	}
	var urls []string
	for _, h := range insideHosts {
		urls = append(urls, "https://"+h+"/hook")
	}
	urls = append(urls, oddURLs...)
	for _, sink := range sinks {
		t.Run(sink.name, func(t *testing.T) {
			_, before := send("GET", sink.list, "")
			for _, u := range urls {
				status, b := send(sink.method, sink.path, fmt.Sprintf(sink.body, quote(u)))
				if status != 422 || !strings.Contains(b, `"`+sink.field+`"`) {
					t.Errorf("%q: got %d %s, want 422 that names %s", u, status, b, sink.field)
				}
			}
			if _, after := send("GET", sink.list, ""); after != before {
				t.Errorf("%s changed from %s to %s, want it unchanged", sink.list, before, after)
			}
		})
	}
	for _, h := range outsideHosts {
		if status, b := send("PATCH", "/v1/webhooks/"+webhook, `{"url":"https://`+h+`/hook"}`); status != 200 {
			t.Errorf("%q: got %d %s, want it taken", h, status, b)
		}
	}
}
