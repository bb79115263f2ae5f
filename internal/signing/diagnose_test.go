package signing

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // a mistake that receivers make
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Requests that are diagnosed: as the document has it, with all that JSON libraries write differently, and one that is not JSON.
var bodies = map[string]string{
	"call": `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":"whk_abc123","data":{"sid":"CA1","caller":"+12125551234","duration":142,"urgent":false,"redirect":null}}`,
	"hard": `{"b":"Grüße / <b>Ampère & Söhne</b> 𝄞","a":[1.50,1e3,12345678901234567890,{}],"timestamp":"2026-05-05T14:23:00Z","data":{"z":"'q'","y":[true,null]},"webhookId":"whk_x"}`,
	"text": "line one\nline two, Grüße",
}

const (
	someSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	otherSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	someTime    = 1777991000
	someID      = "dlv_01HZY3V9"
)

func signedBy(g Scheme, body string) Signed {
	return Signed{Scheme: g, Secrets: []string{someSecret}, Former: []string{otherSecret}, ID: someID, Timestamp: someTime, Body: []byte(body)}
}

func macOf(key, content string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(content))
	return m.Sum(nil)
}

func hexOf(key, content string) string { return hex.EncodeToString(macOf(key, content)) }

func base64Of(key, content string) string {
	return base64.StdEncoding.EncodeToString(macOf(key, content))
}

// keyOf is the key of Standard Webhooks.
func keyOf(secret string) string {
	b, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	return string(b)
}

// mistakesOf names the mistakes that were found, with "right" and "unknown" in their place.
func mistakesOf(d Diagnosis) string {
	if d.Right {
		return "right"
	}
	var list []string
	for _, f := range d.Findings {
		list = append(list, string(f.Mistake))
	}
	if len(list) == 0 {
		return "unknown"
	}
	return strings.Join(list, "+")
}

// TestDiagnose makes each mistake as receivers make it, with each of the bodies where it makes a difference, and is told
// which one it was.
func TestDiagnose(t *testing.T) {
	relay, standard := RelayScheme(), StandardScheme()
	at := fmt.Sprint(someTime)
	for name, body := range bodies {
		head, id := at+".", someID+"."
		for _, c := range []struct {
			want     Mistake // "": it is right
			g        Scheme
			computed string
		}{
			{"", relay, hexOf(someSecret, head+body)},
			{"", relay, "sha256=" + hexOf(someSecret, head+body)},
			{"", relay, " X-Relay-Signature: sha256=" + hexOf(someSecret, head+body) + "\n"},
			{"", relay, `"` + hexOf(someSecret, head+body) + `"`},
			{"", standard, base64Of(keyOf(someSecret), id+head+body)},
			{"", standard, "v1," + base64Of(keyOf(someSecret), id+head+body)},
			{"", standard, "v1,c2hvcnQ= v1," + base64Of(keyOf(someSecret), id+head+body)},

			{OldSecret, relay, hexOf(otherSecret, head+body)},
			{OldSecret, standard, base64Of(keyOf(otherSecret), id+head+body)},
			{SecretPrefixCut, relay, hexOf(strings.TrimPrefix(someSecret, "whsec_"), head+body)},
			{SecretDecoded, relay, hexOf(keyOf(someSecret), head+body)},
			{SecretNotDecoded, standard, base64Of(someSecret, id+head+body)},
			{SecretNotDecoded, standard, base64Of(strings.TrimPrefix(someSecret, "whsec_"), id+head+body)},
			{SecretWithBlanks, relay, hexOf(someSecret+"\n", head+body)},
			{SecretWithBlanks, relay, hexOf(someSecret+" ", head+body)},
			{SecretWithBlanks, relay, hexOf(`"`+someSecret+`"`, head+body)},
			{SecretEmpty, relay, hexOf("", head+body)},
			{SecretEmpty, standard, base64Of("", id+head+body)},

			{BodyObject, relay, hexOf(someSecret, head+"[object Object]")},
			{BodyObject, standard, base64Of(keyOf(someSecret), id+head+"[object Object]")},
			{BodyObject, relay, hexOf(someSecret, head+"b'"+body+"'")},
			{BodyEmpty, relay, hexOf(someSecret, head)},
			{BodyEmpty, standard, base64Of(keyOf(someSecret), id+head)},
			{BodyLineEnd, relay, hexOf(someSecret, head+body+"\n")},
			{BodyLineEnd, standard, base64Of(keyOf(someSecret), id+head+body+"\r\n")},

			{TimestampMissing, relay, hexOf(someSecret, body)},
			{TimestampMissing, standard, base64Of(keyOf(someSecret), id+body)},
			{TimestampMilliseconds, relay, hexOf(someSecret, at+"000."+body)},
			{TimestampMilliseconds, standard, base64Of(keyOf(someSecret), id+at+"000."+body)},
			{TimestampForm, relay, hexOf(someSecret, "undefined."+body)},
			{TimestampForm, relay, hexOf(someSecret, time.Unix(someTime, 0).UTC().Format(time.RFC3339)+"."+body)},
			{TimestampOther, relay, hexOf(someSecret, fmt.Sprint(someTime+2)+"."+body)},
			{TimestampOther, standard, base64Of(keyOf(someSecret), id+fmt.Sprint(someTime-290)+"."+body)},
			{IDMissing, standard, base64Of(keyOf(someSecret), head+body)},
			{IDOther, standard, base64Of(keyOf(someSecret), "."+head+body)},
			{IDAdded, relay, hexOf(someSecret, id+head+body)},
			{PeriodMissing, relay, hexOf(someSecret, at+body)},
			{PeriodMissing, relay, hexOf(someSecret, at+":"+body)},
			{PeriodMissing, standard, base64Of(keyOf(someSecret), someID+at+body)},
			{OrderOther, relay, hexOf(someSecret, body+"."+at)},
			{PrefixHashed, relay, hexOf(someSecret, "sha256="+head+body)},

			{NotHMAC, relay, hex.EncodeToString(sum256(someSecret + head + body))},
			{NotHMAC, relay, hex.EncodeToString(sum256(head + body))},
			{HashOther, relay, hexWith(sha1Of(someSecret, head+body))},
			{HashOther, relay, hexWith(sha512Of(someSecret, head+body))},
			{EncodingOther, relay, base64Of(someSecret, head+body)},
			{EncodingOther, standard, hexOf(keyOf(someSecret), id+head+body)},
			{EncodingTwice, standard, base64.StdEncoding.EncodeToString([]byte(hexOf(keyOf(someSecret), id+head+body)))},
			{EncodingUpper, relay, strings.ToUpper(hexOf(someSecret, head+body))},
			{EncodingURL, standard, base64.RawURLEncoding.EncodeToString(macOf(keyOf(someSecret), id+head+body))},
			{NotASignature, relay, "whatever"},
			{NotASignature, relay, "deadbeef"},
		} {
			want := string(c.want)
			if want == "" {
				want = "right"
			}
			if got := mistakesOf(Diagnose(signedBy(c.g, body), Received{Signature: c.computed})); got != want {
				t.Errorf("%s, %s, %q: got %s, want %s", name, c.g.Header, c.computed, got, want)
			}
		}
	}
	if got := mistakesOf(Diagnose(signedBy(relay, bodies["call"]), Received{Signature: strings.Repeat("ab", 32)})); got != "unknown" {
		t.Errorf("a signature of something else: got %s", got)
	}
}

func sum256(s string) []byte { b := sha256.Sum256([]byte(s)); return b[:] }

func hexWith(b []byte) string { return hex.EncodeToString(b) }

func sha1Of(key, content string) []byte {
	m := hmac.New(sha1.New, []byte(key))
	m.Write([]byte(content))
	return m.Sum(nil)
}

func sha512Of(key, content string) []byte {
	m := hmac.New(sha512.New, []byte(key))
	m.Write([]byte(content))
	return m.Sum(nil)
}

// TestDiagnoseBodies: bodies that libraries have written anew, as those do it.
func TestDiagnoseBodies(t *testing.T) {
	head := fmt.Sprint(someTime) + "."
	hard := bodies["hard"]
	for name, c := range map[string]struct {
		body, written string
		want          Mistake
	}{
		"JSON.stringify":            {hard, `{"b":"Grüße / <b>Ampère & Söhne</b> 𝄞","a":[1.5,1000,12345678901234567000,{}],"timestamp":"2026-05-05T14:23:00Z","data":{"z":"'q'","y":[true,null]},"webhookId":"whk_x"}`, BodyReserialized},
		"json.dumps":                {bodies["call"], `{"version": "2026-05-05", "event": "call.completed", "timestamp": "2026-05-05T14:23:00Z", "webhookId": "whk_abc123", "data": {"sid": "CA1", "caller": "+12125551234", "duration": 142, "urgent": false, "redirect": null}}`, BodyReserialized},
		"str of a dict":             {bodies["call"], `{'version': '2026-05-05', 'event': 'call.completed', 'timestamp': '2026-05-05T14:23:00Z', 'webhookId': 'whk_abc123', 'data': {'sid': 'CA1', 'caller': '+12125551234', 'duration': 142, 'urgent': False, 'redirect': None}}`, BodyReserialized},
		"json_encode":               {`{"a":"x/ü"}`, `{"a":"x\/\u00fc"}`, BodyReserialized},
		"json.Marshal":              {`{"b":"<&>","a":1}`, `{"a":1,"b":"\u003c\u0026\u003e"}`, BodyReserialized},
		"JSON.stringify, 2":         {`{"a":1,"b":[1,{}],"c":{}}`, "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {}\n  ],\n  \"c\": {}\n}", BodyReserialized},
		"blanks taken away":         {"{\n  \"a\": 1.50\n}", `{"a":1.50}`, BodyReserialized},
		"surrogates":                {`{"a":"𝄞"}`, `{"a": "\ud834\udd1e"}`, BodyReserialized},
		"ISO 8859-1":                {`{"a":"ü"}`, "{\"a\":\"Ã¼\"}", BodyCharset},
		"question marks":            {`{"a":"ü"}`, `{"a":"?"}`, BodyCharset},
		"the data alone":            {bodies["call"], `{"sid":"CA1","caller":"+12125551234","duration":142,"urgent":false,"redirect":null}`, BodyOnlyData},
		"a line end that was there": {"{}\n", "{}", BodyLineEnd},
		"other line ends":           {"{\n}", "{\r\n}", BodyLineEnd},
	} {
		for _, g := range []Scheme{RelayScheme(), StandardScheme()} {
			s := signedBy(g, c.body)
			signature := hexOf(someSecret, head+c.written)
			if g.Key == "base64" {
				signature = base64Of(keyOf(someSecret), someID+"."+head+c.written)
			}
			if got := mistakesOf(Diagnose(s, Received{Signature: signature})); got != string(c.want) {
				t.Errorf("%s, %s: got %s, want %s", name, g.Header, got, c.want)
			}
			if got := mistakesOf(Diagnose(s, Received{Body: c.written})); got != string(c.want) {
				t.Errorf("%s, given the body: got %s, want %s", name, got, c.want)
			}
		}
	}
	// What nobody knows is found where the body is told.
	s := signedBy(RelayScheme(), bodies["call"])
	strange := strings.Replace(bodies["call"], "142", "143", 1)
	d := Diagnose(s, Received{Signature: hexOf(someSecret, head+strange), Body: strange})
	if got := mistakesOf(d); got != string(BodyDiffers) || d.Findings[0].Detail != fmt.Sprint(strings.Index(strange, "143")+2) {
		t.Errorf("other bytes: got %s %+v", got, d.Findings)
	}
}

// TestDiagnoseSeveral: mistakes that were made together, and what headers, body and secret show by themselves.
func TestDiagnoseSeveral(t *testing.T) {
	at, body := fmt.Sprint(someTime), bodies["call"]
	relay, standard := signedBy(RelayScheme(), body), signedBy(StandardScheme(), body)
	both := relay
	both.Others = []Scheme{StandardScheme()}
	python := string(rewritten(t, "json.dumps (Python)", body))
	header := func(s Signed) string {
		g, err := NewSigner(s.Scheme, s.Secrets...)
		if err != nil {
			t.Fatal(err)
		}
		text := "host: example.com\n"
		g.Fields(s.ID, s.Timestamp, s.Body, false, func(name, value string) { text += strings.ToLower(name) + ": " + value + "\n" })
		return text
	}
	date := func(off time.Duration) string {
		return "Date: " + time.Unix(someTime, 0).UTC().Add(off).Format(time.RFC1123)
	}
	for name, c := range map[string]struct {
		s    Signed
		r    Received
		want string
	}{
		"body and base64":       {relay, Received{Signature: base64Of(someSecret, at+"."+python)}, "bodyReserialized+encodingOther"},
		"key, id and hex":       {standard, Received{Signature: hexOf(someSecret, at+"."+body)}, "secretNotDecoded+idMissing+encodingOther"},
		"old secret and period": {relay, Received{Signature: hexOf(otherSecret, at+body)}, "oldSecret+periodMissing"},
		"line end in a secret":  {relay, Received{Signature: hexOf(someSecret+"\n", body)}, "secretWithBlanks+timestampMissing"},
		"a secret of elsewhere": {relay, Received{Signature: hexOf("whsec_elsewhere", at+"."+body), Secret: "whsec_elsewhere"}, "otherSecret"},
		"the other signature":   {both, Received{Signature: "v1," + base64Of(keyOf(someSecret), someID+"."+at+"."+body)}, "schemeOther"},
		"the right secret":      {relay, Received{Secret: someSecret}, "right"},
		"without its prefix":    {relay, Received{Secret: strings.TrimPrefix(someSecret, "whsec_")}, "secretPrefixCut"},
		"quoted":                {relay, Received{Secret: `"` + someSecret + `"`}, "secretWithBlanks"},
		"an old one":            {relay, Received{Secret: otherSecret}, "oldSecret"},
		"another":               {relay, Received{Secret: "whsec_x"}, "otherSecret"},
		"the right headers":     {relay, Received{Headers: header(relay)}, "right"},
		"no timestamp":          {relay, Received{Headers: strings.ReplaceAll(header(relay), "x-relay-timestamp", "x-other")}, "headerMissing"},
		"another timestamp":     {standard, Received{Headers: strings.Replace(header(standard), at, "1", 1)}, "headerChanged"},
		"a clock that is off":   {relay, Received{Headers: header(relay) + date(time.Hour)}, "clockOff"},
		"a clock that is right": {relay, Received{Headers: header(relay) + date(time.Minute)}, "right"},
		"nothing":               {relay, Received{}, "unknown"},
	} {
		d := Diagnose(c.s, c.r)
		if got := mistakesOf(d); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		if d.Known != (c.want != "unknown") && !d.Right {
			t.Errorf("%s: known is %t", name, d.Known)
		}
	}
}

func rewritten(t *testing.T, name, body string) []byte {
	t.Helper()
	for _, w := range writers {
		if w.name == name {
			b, ok := w.write([]byte(body))
			if !ok {
				t.Fatalf("%q is not written", body)
			}
			return b
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

// TestMistakesHaveWords: each mistake can be told.
func TestMistakesHaveWords(t *testing.T) {
	for m, words := range mistakeWords {
		if what, advice := m.Words(); what == "" || advice == "" || !strings.HasSuffix(what, ".") || words[0] != what {
			t.Errorf("%s: got %q, %q", m, what, advice)
		}
	}
	if len(mistakeWords) != 36 {
		t.Errorf("got the words of %d mistakes", len(mistakeWords))
	}
}

// TestDiagnoseIsBounded: a body of the largest size takes no longer than a person waits.
func TestDiagnoseIsBounded(t *testing.T) {
	s := signedBy(RelayScheme(), `{"a":"`+strings.Repeat("x", 256<<10)+`"}`)
	x := search{signed: s, forms: readSignature(strings.Repeat("ab", 32), s.Scheme)}
	if _, ok := x.run(); ok || x.hashed > mostHashed+4*len(s.Body) {
		t.Errorf("got %t after %d bytes", ok, x.hashed)
	}
}

func FuzzDiagnose(f *testing.F) {
	for _, body := range bodies {
		f.Add(body, "sha256=00", someSecret, "X-Relay-Timestamp: 1\nDate: x", body+"\n")
	}
	f.Add(`{"data":`, "v1,", "", ":", "{body}")
	f.Fuzz(func(t *testing.T, body, signature, secret, headers, got string) {
		if len(body) > 1000 {
			return
		}
		s := signedBy(StandardScheme(), body)
		Diagnose(s, Received{Signature: signature, Secret: secret, Headers: headers, Body: got})
	})
}
