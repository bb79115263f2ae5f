package e2etest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

// snippet returns the first block of a language in a section of docs/webhooks.md.
func snippet(t *testing.T, section, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(readDoc(t, "docs/webhooks.md"), "## "+section+"\n")
	rest, _, _ = strings.Cut(rest, "\n## ")
	_, rest, ok2 := strings.Cut(rest, "```"+language+"\n")
	code, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("docs/webhooks.md has no %s in the section %q", language, section)
	}
	return code
}

const goMain = `package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	var cases []struct {
		Key    string
		Header map[string]string
		Body   []byte
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	for _, c := range cases {
		h := http.Header{}
		for name, value := range c.Header {
			h.Set(name, value)
		}
		fmt.Println(verify(c.Key, h, c.Body))
	}
}

`

const jsMain = `
for (const c of JSON.parse(require("fs").readFileSync(0))) console.log(verify(c.Key, c.Header, Buffer.from(c.Body, "base64")));
`

// TestKeyPair lets the documented receivers verify deliveries with the public key: of the body
// alone, and across rotations.
func TestKeyPair(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	type hook struct{ ID, Secret, PublicKey string }
	var made, rotated, plain hook
	r.into(&made, 201, "POST", "/v1/webhooks", `{"url":"`+v.url+`","signature":"standard","keyPair":true}`)
	if !strings.HasPrefix(made.PublicKey, "whpk_") {
		t.Fatalf("got the public key %q, want whpk_…", made.PublicKey)
	}
	type request struct {
		Key    string
		Header map[string]string
		Body   []byte
	}
	var cases []request
	var want []string
	add := func(q request, ok bool) {
		cases = append(cases, q)
		want = append(want, map[bool]string{true: "true", false: "false"}[ok])
	}
	deliver := func() request {
		t.Helper()
		r.publish(`{"type":"call.completed","data":{"name":"\u00e9 😀"}}`)
		got := v.next()
		q := request{Header: map[string]string{}, Body: got.body}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			q.Header[name] = got.header.Get(name)
		}
		return q
	}
	with := func(q request, key string) request { q.Key = key; return q }
	changed := func(q request, name, value string) request {
		h := map[string]string{name: value}
		for n, v := range q.Header {
			if n != name {
				h[n] = v
			}
		}
		q.Header = h
		return q
	}

	first := with(deliver(), made.PublicKey)
	add(first, true)
	add(request{first.Key, first.Header, append([]byte(" "), first.Body...)}, false)
	add(changed(first, "webhook-id", "other"), false)
	add(changed(first, "webhook-timestamp", "1"), false)
	add(changed(first, "webhook-timestamp", "soon"), false)
	hmac, asymmetric, ok := strings.Cut(first.Header["webhook-signature"], " ")
	if !ok || !strings.HasPrefix(hmac, "v1,") || !strings.HasPrefix(asymmetric, "v1a,") {
		t.Fatalf("got the signatures %q, want v1 and v1a", first.Header["webhook-signature"])
	}
	add(changed(first, "webhook-signature", asymmetric), true)
	add(changed(first, "webhook-signature", hmac), false)
	add(changed(first, "webhook-signature", "v1,"+asymmetric[len("v1a,"):]), false)

	r.into(&rotated, 200, "POST", "/v1/webhooks/"+made.ID+"/rotate-secret", `{"overlap":"1h"}`)
	if rotated.PublicKey == made.PublicKey || rotated.PublicKey == "" {
		t.Errorf("rotated: got the public key %q, want another", rotated.PublicKey)
	}
	both := deliver()
	add(with(both, made.PublicKey), true)
	add(with(both, rotated.PublicKey), true)
	add(with(first, rotated.PublicKey), false)
	before := rotated
	r.into(&rotated, 200, "POST", "/v1/webhooks/"+made.ID+"/rotate-secret", "")
	alone := deliver()
	add(with(alone, before.PublicKey), false)
	add(with(alone, rotated.PublicKey), true)

	// The key pair survives a restart and changes of other settings, and can be removed.
	r.stop()
	r.start()
	r.into(&plain, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"description":"x"}`)
	if plain.PublicKey != rotated.PublicKey {
		t.Errorf("after a restart: got the public key %q, want %q", plain.PublicKey, rotated.PublicKey)
	}
	add(with(deliver(), rotated.PublicKey), true)
	if got := r.refused(422, "PATCH", "/v1/webhooks/"+made.ID, `{"signature":"relay"}`); got != "keyPair" {
		t.Errorf("the signature relay with a key pair: got the fields %q, want keyPair", got)
	}
	plain = hook{}
	r.into(&plain, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"keyPair":false}`)
	if got := deliver().Header["webhook-signature"]; plain.PublicKey != "" || strings.Contains(got, "v1a,") {
		t.Errorf("without a key pair: got the public key %q and %q", plain.PublicKey, got)
	}
	r.into(&plain, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"keyPair":true}`)
	if plain.PublicKey == "" || plain.PublicKey == rotated.PublicKey {
		t.Errorf("with a key pair again: got the public key %q, want a fresh one", plain.PublicKey)
	}
	if audit := string(r.do("GET", "/v1/audit", "").body); strings.Contains(audit, "whsk_") {
		t.Error("the audit log shows a private key")
	}

	input, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string, cmd *exec.Cmd) {
		t.Helper()
		cmd.Stdin = strings.NewReader(string(input))
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: got %s, %v, want %q", name, out, err, want)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const section = "Verify: a key pair"
	check("Go", exec.Command("go", "run", write("verify.go", goMain+snippet(t, section, "go"))))
	check("Node", exec.Command(testenv.Binary(t, "node"), write("verify.js", snippet(t, section, "js")+jsMain)))
}
