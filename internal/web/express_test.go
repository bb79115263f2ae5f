package web

import (
	"strings"
	"testing"
)

func TestParseExpress(t *testing.T) {
	const path = "/v1/events"
	line := "POST /v1/events HTTP/1.1\r\n"
	plain := line + "Host: relay.example:8080\r\nContent-Length: 12\r\nContent-Type: application/json\r\nAuthorization: Bearer rk_1\r\n"
	for _, tc := range []struct {
		name, head string
		ok         bool
	}{
		{"plain", plain, true},
		{"curl's", plain + "User-Agent: curl/8\r\nAccept: */*\r\n", true},
		{"Go's", plain + "Accept-Encoding: gzip\r\n", true},
		{"lower case, IPv6 host", line + "host: [::1]:8080\r\ncontent-length: 1\r\n", true},
		{"keep-alive", plain + "Connection: keep-alive\r\n", true},
		{"idempotency key", plain + "Idempotency-Key: a b\r\n", true},

		{"another path", strings.Replace(plain, "events", "eventz", 1), false},
		{"a query", strings.Replace(plain, "events", "events?x", 1), false},
		{"another method", strings.Replace(plain, "POST", "PUT", 1), false},
		{"HTTP/1.0", strings.Replace(plain, "1.1", "1.0", 1), false},
		{"no host", line + "Content-Length: 1\r\n", false},
		{"two hosts", plain + "Host: b\r\n", false},
		{"host with a slash", strings.Replace(plain, "relay.example", "a/b", 1), false},
		{"no length", line + "Host: a\r\n", false},
		{"no body", line + "Host: a\r\nContent-Length: 0\r\n", false},
		{"two lengths", plain + "Content-Length: 12\r\n", false},
		{"length with a sign", strings.Replace(plain, ": 12", ": +12", 1), false},
		{"length in hexadecimal", strings.Replace(plain, ": 12", ": 0x2", 1), false},
		{"length of 20 digits", strings.Replace(plain, ": 12", ": 12345678901234567890", 1), false},
		{"length above the limit", strings.Replace(plain, ": 12", ": 1048577", 1), false},
		{"chunked", plain + "Transfer-Encoding: chunked\r\n", false},
		{"chunked, in capitals", plain + "TRANSFER-ENCODING: xchunked\r\n", false},
		{"space before the colon", plain + "Transfer-Encoding : chunked\r\n", false},
		{"expect", plain + "Expect: 100-continue\r\n", false},
		{"upgrade", plain + "Upgrade: h2c\r\n", false},
		{"trailer", plain + "Trailer: X\r\n", false},
		{"close", plain + "Connection: close\r\n", false},
		{"encoded", plain + "Content-Encoding: gzip\r\n", false},
		{"for a tenant", plain + "Relay-Tenant: other\r\n", false},
		{"two keys", plain + "Authorization: Bearer b\r\n", false},
		{"empty idempotency key", plain + "Idempotency-Key: \r\n", false},
		{"folded line", plain + " more\r\n", false},
		{"bare LF", plain + "X: y\n", false},
		{"NUL", plain + "X: a\x00b\r\n", false},
		{"bare CR", plain + "X: a\rb\r\n", false},
		{"not ASCII", plain + "X: \xff\r\n", false},
		{"name with a space", plain + "X Y: z\r\n", false},
		{"no name", plain + ": z\r\n", false},
	} {
		var h ExpressHead
		length, ok := parseExpress([]byte(tc.head), path, &h)
		if ok != tc.ok {
			t.Errorf("%s: taken %v, want %v", tc.name, ok, tc.ok)
		}
		if tc.name == "plain" && (length != 12 || string(h.Authorization) != "Bearer rk_1" || string(h.ContentType) != "application/json") {
			t.Errorf("plain: length %d, head %q", length, h)
		}
	}
}

func FuzzParseExpress(f *testing.F) {
	f.Add([]byte("Host: a\r\nContent-Length: 12\r\n"))
	f.Add([]byte("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n"))
	f.Fuzz(func(t *testing.T, rest []byte) {
		var h ExpressHead
		head := append([]byte("POST /v1/events HTTP/1.1\r\n"), rest...)
		length, ok := parseExpress(head, "/v1/events", &h)
		if !ok {
			return
		}
		lower := strings.ToLower(string(rest))
		if length < 1 || length > maxExpressBody {
			t.Errorf("%q: length %d", rest, length)
		}
		for _, bad := range []string{"\ntransfer-encoding:", "\nexpect:", "\x00", "\n ", "\n\t"} {
			if strings.Contains("\n"+lower, bad) {
				t.Errorf("%q was taken", rest)
			}
		}
		if strings.Count("\n"+lower, "\ncontent-length:") != 1 || strings.Count("\n"+lower, "\nhost:") != 1 {
			t.Errorf("%q was taken, want one length and one host", rest)
		}
	})
}
