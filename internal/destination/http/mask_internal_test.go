package httpdest

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strings"
	"testing"
)

// TestMask: a credential is masked however an endpoint writes it, and nothing else is.
func TestMask(t *testing.T) {
	const secret = `Abc/d+ef==&"x'<y>\z%41`
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	unicode, decimal, percent := "", "", ""
	for _, c := range []byte(secret) {
		unicode += fmt.Sprintf("\\u%04X", c)
		decimal += fmt.Sprintf("&#%d;", c)
		percent += fmt.Sprintf("%%%02x", c)
	}
	for name, written := range map[string]string{
		"as it is": secret, "lower case": strings.ToLower(secret), "upper case": strings.ToUpper(secret),
		"JSON of Go":  string(quoted[1 : len(quoted)-1]),
		"JSON of PHP": strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(secret, `\`, `\\`), "/", `\/`), `"`, `\"`), "all as \\u": unicode,
		"URL": url.PathEscape(secret), "form": url.QueryEscape(secret), "percent": percent, "HTML": html.EscapeString(secret), "decimal": decimal,
	} {
		body := `before ` + written + ` {"a":"\u00e6%20&amp;"} ` + written + written + ` behind`
		want := `before *** {"a":"\u00e6%20&amp;"} ****** behind`
		if got := string(Mask([]byte(body), [][]byte{[]byte(secret)})); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	for _, body := range []string{"", "ok", `\`, `%`, `%4`, `&`, `&#`, `&#x;`, `\u`, `\u12`, `{"a":"Abc\/d+e"}`} {
		if got := string(Mask([]byte(body), [][]byte{[]byte(secret)})); got != body {
			t.Errorf("got %s, want %s left alone", got, body)
		}
	}
	// One inside of another, and one that overlaps the next.
	if got := string(Mask([]byte("x Basic dXNlcjpwYXNz y"), [][]byte{[]byte("Basic dXNlcjpwYXNz"), []byte("dXNlcjpwYXNz")})); got != "x *** y" {
		t.Errorf("got %s, want the whole masked once", got)
	}
}

// FuzzMask: a credential that an answer holds is not in it afterwards, and an answer without one is not changed.
func FuzzMask(f *testing.F) {
	f.Add("before ", " behind%2", "secret/secret")
	f.Add("%73", `\u0073`, "secretsecret")
	f.Fuzz(func(t *testing.T, before, after, secret string) {
		if len(secret) < leastConcealed || strings.Contains("***", secret) || strings.Contains(secret, "*") {
			return
		}
		got := string(Mask([]byte(before+secret+after), [][]byte{[]byte(secret)}))
		if strings.ContainsAny(secret, "\\%&") || strings.ContainsAny(before, "\\%&") {
			return // what stands before may make another escape of its beginning
		}
		if strings.Contains(got, secret) {
			t.Errorf("%q: got %q, want it without %q", before+secret+after, got, secret)
		}
	})
}
