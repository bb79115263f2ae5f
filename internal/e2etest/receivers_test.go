package e2etest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/testenv"
)

// documentedReceiver is a language of docs/receivers.md.
type documentedReceiver struct {
	heading, fence string
	before, after  string // what makes a program of the snippet: it gets secret, timestamp, signature and a file, and prints true or false
	file           string
	// prepare returns the command that runs the program; its arguments follow.
	prepare func(t *testing.T, dir string) []string
}

// interpreted runs a script by the first of the programs.
func interpreted(program string) func(t *testing.T, dir string) []string {
	return func(t *testing.T, dir string) []string { return []string{testenv.Binary(t, program)} }
}

// TestDocumentedReceivers runs the functions of docs/receivers.md; "make release-test" does it for more languages.
func TestDocumentedReceivers(t *testing.T) {
	t.Parallel()
	for _, d := range []documentedReceiver{
		{heading: "Node", fence: "js", file: "valid.mjs", prepare: interpreted("node"),
			after: "import { readFileSync } from \"node:fs\";\nconst [s, t, g, f] = process.argv.slice(2);\nconsole.log(valid(s, t, g, readFileSync(f)));\n"},
		{heading: "Python", fence: "python", file: "valid.py", prepare: interpreted("python3"),
			after: "import sys\ns, t, g, f = sys.argv[1:]\nprint(str(valid(s, t, g, open(f, 'rb').read())).lower())\n"},
	} {
		t.Run(d.heading, func(t *testing.T) { d.verify(t) })
	}
}

// verify runs the function with a request of Relay's and with others.
func (d documentedReceiver) verify(t *testing.T) {
	t.Helper()
	_, rest, ok := strings.Cut(readDoc(t, "docs/receivers.md"), "## "+d.heading+"\n")
	_, rest, ok2 := strings.Cut(rest, "```"+d.fence+"\n")
	code, _, ok3 := strings.Cut(rest, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatalf("docs/receivers.md has no %s under %q", d.fence, d.heading)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, filepath.FromSlash(d.file))
	if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(d.before+code+d.after), 0o644); err != nil {
		t.Fatal(err)
	}
	command := d.prepare(t, dir)
	if len(command) == 1 {
		command = append(command, script)
	}
	secret, now := signing.NewSecret(), time.Now().Unix()
	body := []byte("{\"name\":\"\u00e9 😀\",\"bytes\":\"\x80\xff\"}\n")
	sign := func(at int64) string {
		return string(signing.NewRelay(secret).AppendSignature(nil, at, body))
	}
	for _, c := range []struct {
		what, signature string
		at              int64
		body            []byte
		want            bool
	}{
		{"a request", sign(now), now, body, true},
		{"another body", sign(now), now, append([]byte(" "), body...), false},
		{"another time", sign(now), now - 1, body, false},
		{"an old request", sign(now - 400), now - 400, body, false},
		{"a request from the future", sign(now + 400), now + 400, body, false},
		{"no digits", "sha256=", now, body, false},
		{"no prefix", strings.TrimPrefix(sign(now), "sha256="), now, body, false},
	} {
		file := filepath.Join(dir, "body")
		if err := os.WriteFile(file, c.body, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append(command[1:len(command):len(command)], secret, strconv.FormatInt(c.at, 10), c.signature, file)
		cmd := exec.CommandContext(t.Context(), command[0], args...)
		cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(c.want) {
			t.Errorf("%s, %s: got %s, %v, want %v", d.heading, c.what, got, err, c.want)
		}
	}
}
