package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/config"
)

// script runs a command line in this process as it would be typed.
func script(env map[string]string, signals <-chan os.Signal, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(args, Env{
		Stdout: &out, Stderr: &errs, Signals: signals,
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	})
	return code, out.String(), errs.String()
}

// Commands as they are typed: arguments, output, and exit code. %DIR% is a folder of the test,
// %TAKEN% an address that another program listens on.
func TestScripts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "relay.yaml"), []byte("retention:\n  event: 30d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("%DIR%", dir, "%TAKEN%", taken.Addr().String())

	tests := []struct {
		args   string
		env    map[string]string
		code   int
		stdout string // a regular expression, like stderr; empty means no output
		stderr string
	}{
		{"version", nil, 0, `^relay \S+\n$`, ``},
		{"--version", nil, 0, `^relay \S+\n$`, ``},
		{"", nil, 0, `(?s)New here\? Run "relay demo".*demo .*serve `, ``},
		{"--help", nil, 0, `(?s)demo .*serve `, ``},
		{"serve --help", nil, 0, `(?s)--config.*--listen.*default 127.0.0.1:8080.*--data.*--dev .*never set it on a server that others.*--retention-events duration.*default 30d`, ``},
		{"demo --help", nil, 0, `(?s)--count`, ``},
		{"completion bash", nil, 0, `(?s)__start_relay`, ``},
		{"completion zsh", nil, 0, `(?s)compdef _relay relay`, ``},

		{"serf", nil, 2, ``, `^relay: there is no command "serf"; did you mean "serve"\?\nRun "relay --help" for usage.\n$`},
		{"frobnicate", nil, 2, ``, `^relay: there is no command "frobnicate"\n`},
		{"serve extra", nil, 2, ``, `^relay: unexpected argument "extra"\nRun "relay serve --help" for usage`},
		{"serve --lisen x", nil, 2, ``, `^relay: unknown flag: --lisen; did you mean --listen\?\n`},
		{"serve --listen", nil, 2, ``, `^relay: flag needs an argument: --listen\n`},
		{"serve --admin-key 0123456789abcdef", nil, 2, ``, `^relay: unknown flag: --admin-key\n`},
		{"serve --listen nowhere", nil, 2, ``, `^relay: setting listen must be host:port, such as 127.0.0.1:8080, got "nowhere"\n`},
		{"serve --listen 127.0.0.1:99999", nil, 2, ``, `^relay: setting listen must end in a port, 0 to 65535, got "99999"\n`},
		{"serve --config %DIR%/relay.yaml", nil, 2, ``, `line 2: "retention.event" is not a setting; did you mean "retention.events"\?`},
		{"serve", map[string]string{"RELAY_CONFIG": "%DIR%/none.yaml"}, 2, ``, `reading the configuration file: open .*none.yaml`},
		{"serve", map[string]string{"RELAY_LOG_LEVEL": "loud"}, 2, ``, `variable RELAY_LOG_LEVEL: setting log.level must be debug, info, warn or error, got "loud"`},
		{"serve", map[string]string{"RELAY_ADMIN_KEY": "secret"}, 2, ``, `setting adminKey must have at least 16 characters, got 6`},
		{"serve --data %DIR%/a --listen %TAKEN%", nil, 1, ``, `^relay: address %TAKEN% is already in use: stop the other program or choose another with --listen\n$`},
		{"serve --data %DIR%/a --listen 192.0.2.1:80", nil, 1, ``, `^relay: this machine does not have the address 192.0.2.1:80: choose another with --listen\n$`},
		{"serve --data %DIR%/a --listen no.such.host.invalid:80", nil, 1, ``, `^relay: listening on "no.such.host.invalid:80": .*: choose another address with --listen\n$`},
		{"serve --data %DIR%/file --listen 127.0.0.1:0", nil, 1, ``, `^relay: ".*/file" is a file: --data must name a folder\n$`},
		{"serve --data %DIR%/a --listen 127.0.0.1:0 --catalogue %DIR%/none.yaml", nil, 2, ``, `^relay: reading setting catalogue: open .*none.yaml: no such file`},
		{"serve --data %DIR%/a --listen 127.0.0.1:0 --catalogue %DIR%/relay.yaml", nil, 2, ``, `^relay: reading setting catalogue: file ".*relay.yaml": `},
		{"backup --help", nil, 0, `(?s)acknowledged before it began.*--to path.*--no-key.*--data`, ``},
		{"backup", nil, 2, ``, `^relay: --to must give the path of the backup\nRun "relay backup --help" for usage`},
		{"backup --data %DIR%/none --to %DIR%/b", nil, 1, ``, `^relay: the data folder: stat .*none: no such file`},
		{"backup --data %DIR% --to %DIR%/../b", nil, 1, ``, `reading ".*": there is no data of Relay here\n$`},
		{"backup --to x", map[string]string{"RELAY_DATABASE": "postgres://h/d"}, 2, ``, `stores everything in PostgreSQL: back it up with PostgreSQL's tools`},
		{"restore", nil, 2, ``, `^relay: --from must name the backup\n`},
		{"restore --from %DIR%/none --data %DIR%/a", nil, 1, ``, `^relay: restoring ".*none" to ".*a": stat .*: no such file`},
		{"restore --from %DIR%/file --data %DIR%/a", nil, 1, ``, `it is not a backup of Relay, or it is incomplete`},
		{"migrate", nil, 0, `(?s)status .*up `, ``},
		{"migrate copy", nil, 2, ``, `^relay: --from must name the data folder in the form sqlite:DIR\n`},
		{"migrate copy --from sqlite:x", nil, 2, ``, `^relay: --to or RELAY_DATABASE must name the database`},
		{"migrate copy --from sqlite:%DIR%/none --to postgres://127.0.0.1:1/x", nil, 1, ``, `contains no data of Relay\n$`},
		{"migrate frob", nil, 2, ``, `^relay: there is no command "frob"\n`},
		{"migrate status --data %DIR%", nil, 1, ``, `there is no data of Relay here`},
		{"migrate up --data %DIR%", nil, 1, ``, `contains no data of Relay: name the right folder with --data\n$`},
		{"migrate status --database postgres://127.0.0.1:1/x", nil, 1, ``, `^relay: PostgreSQL does not answer at 127.0.0.1:1: connect: connection refused; is it running, and is the address right\?\n$`},
		{"demo extra", nil, 2, ``, `^relay: unexpected argument "extra"\n`},
		{"demo --every 0s", nil, 2, ``, `^relay: --count must not be negative`},
		{"demo --log-level loud", nil, 2, ``, `must be debug, info, warn or error`},
		{"demo --listen %TAKEN%", nil, 1, ``, `^relay: address %TAKEN% is already in use`}, // requested by name, so no other will do
		{"version extra", nil, 2, ``, `^relay: unexpected argument`},
		{"serve \x1b[2J", nil, 2, ``, `^relay: unexpected argument "\\x1b\[2J"\n`},
	}
	for _, tt := range tests {
		t.Run(tt.args, func(t *testing.T) {
			env := map[string]string{}
			for name, value := range tt.env {
				env[name] = fill.Replace(value)
			}
			code, stdout, stderr := script(env, nil, strings.Fields(fill.Replace(tt.args))...)
			if code != tt.code {
				t.Errorf("exit code: got %d, want %d; stderr %q", code, tt.code, stderr)
			}
			for _, stream := range []struct{ name, got, want string }{
				{"stdout", stdout, tt.stdout}, {"stderr", stderr, tt.stderr},
			} {
				want := strings.NewReplacer("%TAKEN%", regexp.QuoteMeta(taken.Addr().String())).Replace(stream.want)
				if want == "" && stream.got != "" || !regexp.MustCompile(want).MatchString(stream.got) {
					t.Errorf("%s: got %q, want a match of %q", stream.name, stream.got, want)
				}
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("data folder of servers that had no address: got %v, want that there is none", err)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain, ünïcode ✓ 日本":     "plain, ünïcode ✓ 日本",
		"\x1b[31mred":             `\u{1b}[31mred`,
		"a\r\nb\tc":               `a\r\nb\tc`,
		"\x00\x7f\u0085\u009b31m": `\u{0}\u{7f}\u{85}\u{9b}31m`,
		"\u202eabc\u2066\u200b":   `\u{202e}abc\u{2066}\u{200b}`, // direction overrides, invisible
		"bad \xff\xfe utf-8":      "bad \ufffd\ufffd utf-8",
		"\ufffd":                  "\ufffd",
		"":                        "",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q): got %q, want %q", in, got, want)
		}
	}
	if got, want := printableLines("a\n\t\x1bb"), "a\n  "+`\u{1b}b`; got != want {
		t.Errorf("printableLines: got %q, want %q", got, want)
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b]0;title\x07")
	f.Add("\xc3\x28\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range printable(s) {
			if r < ' ' || r >= 0x7f && r <= 0x9f {
				t.Errorf("printable(%q) has %U", s, r)
			}
		}
	})
}

func TestClip(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"äöü", 3, "äöü"}, {"äöüß", 3, "äö…"}, {"", 3, ""}} {
		if got := clip(tt.in, tt.n); got != tt.want {
			t.Errorf("clip(%q, %d): got %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

func TestLatency(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Microsecond: "1.2 ms", 99 * time.Millisecond: "99.0 ms", 250 * time.Millisecond: "250 ms",
		1050 * time.Millisecond: "1.05 s", -time.Second: "", 2 * time.Hour: "",
	} {
		if got := latency(d); got != want {
			t.Errorf("latency(%v): got %q, want %q", d, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	cfg := config.Default()
	lock := &os.PathError{Op: "flock", Path: "x", Err: syscall.EAGAIN}
	if got, want := explain(lock, &cfg).Error(), `another Relay is using "./relay-data": stop it, or choose another folder with --data`; got != want {
		t.Errorf("a locked folder: got %q, want %q", got, want)
	}
	denied := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}
	if got := explain(denied, &cfg).Error(); !strings.Contains(got, "ports below 1024 need privileges") {
		t.Errorf("a privileged port: got %q", got)
	}
	other := errors.New("else")
	if got := explain(other, &cfg); !errors.Is(got, other) {
		t.Errorf("another error: got %v, want it as it is", got)
	}
}

// If the default address is taken and was not requested, the demo uses another one.
func TestDemoFindsAPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var out, errs bytes.Buffer
	e := Env{Stdout: &out, Stderr: &errs}
	o := demoOptions{listen: taken.Addr().String(), count: 1, every: 10 * time.Millisecond, logLevel: "warn"}
	if err := e.demo(t.Context(), o); err != nil {
		t.Fatalf("demo: %v; stderr %s", err, errs.String())
	}
	if strings.Contains(out.String(), taken.Addr().String()) || !strings.Contains(out.String(), "1 delivery arrived") {
		t.Errorf("got %s, want another address and one delivery", out.String())
	}
}

// A folder used by an earlier demo works again: its old webhook and its key are replaced.
func TestDemoAgain(t *testing.T) {
	dir := t.TempDir()
	for run := range 2 {
		code, stdout, stderr := script(nil, nil, "demo", "--listen", "127.0.0.1:0", "--data", dir, "--count", "2", "--every", "10ms")
		if code != 0 || !strings.Contains(stdout, "2 deliveries arrived") || stderr != "" {
			t.Errorf("run %d: got code %d, stdout %s, stderr %s", run, code, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "relay.db")); err != nil {
		t.Errorf("the folder given: got %v, want the data kept in it", err)
	}
}

func TestDemoEndsBySignal(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	signals := make(chan os.Signal, 1)
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	go func() {
		defer pw.Close()
		Run([]string{"demo", "--listen", "127.0.0.1:0", "--every", "10ms"}, Env{Stdout: pw, Stderr: pw, Signals: signals})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	context.AfterFunc(ctx, func() { pr.Close() })
	var all strings.Builder
	b := make([]byte, 4096)
	for sent := false; ; {
		n, err := pr.Read(b)
		all.Write(b[:n])
		if err != nil {
			break
		}
		if !sent && strings.Contains(all.String(), "signature ok") {
			sent = true
			signals <- os.Interrupt
		}
	}
	if !strings.Contains(all.String(), "arrived, ") {
		t.Errorf("got %s, want the demo to end with its sum", all.String())
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) != 0 {
		t.Errorf("temporary folder afterwards: got %v, %v, want nothing left behind", left, err)
	}
}
