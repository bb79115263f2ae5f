package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// module writes a module with one package per entry, each holding that test file, and returns its folder.
func module(t *testing.T, tests map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example\n\ngo 1.26.0\n")
	for pkg, body := range tests {
		write(pkg+"/x_test.go", "package "+pkg+"\n\nimport (\n\"os\"\n\"testing\"\n)\n\nvar _ = os.Exit\nvar _ testing.T\n"+body)
	}
	return dir
}

func TestRun(t *testing.T) {
	const fine = "func TestFine(t *testing.T) { t.Run(\"sub\", func(*testing.T) {}) }\n"
	tests := []struct {
		name   string
		pkgs   map[string]string
		args   []string
		flags  string // of go test
		status int
		last   string   // the closing line
		want   []string // somewhere in the output
		not    []string // nowhere in it
	}{
		{
			name: "all pass", pkgs: map[string]string{"a": fine, "b": fine},
			status: 0, last: "4 passed, 0 failed, 0 skipped",
			want: []string{"ok   example/a", "ok   example/b", "2 tests"},
		},
		{
			name:   "one fails",
			pkgs:   map[string]string{"a": fine + "func TestBad(t *testing.T) { t.Log(\"clue\"); t.Run(\"inner\", func(t *testing.T) { t.Error(\"got 1, want 2\") }) }"},
			status: 1, last: "2 passed, 2 failed, 0 skipped",
			want: []string{"--- FAIL example/a TestBad/inner", "got 1, want 2", "clue", "failed in unit: example/a TestBad/inner"},
			not:  []string{"=== RUN"},
		},
		{
			name: "a skip is a failure", pkgs: map[string]string{"a": fine + "func TestTool(t *testing.T) { t.Skip(\"no tool\") }"},
			status: 1, last: "2 passed, 0 failed, 1 skipped",
			want: []string{"no tool", "skipped in unit, which is not allowed here: example/a TestTool"},
		},
		{
			name: "an allowed skip", pkgs: map[string]string{"a": fine + "func TestTool(t *testing.T) { if os.Getenv(\"RELAY_TEST_NO_SKIP\") != \"1\" || os.Getenv(\"RELAY_TEST_ALLOW_SKIP\") != \"^TestTool$\" { t.Fatal(\"not told\") }; t.Skip(\"no tool\") }"},
			args: []string{"-allow-skip", "^TestTool$"}, status: 0, last: "2 passed, 0 failed, 1 skipped",
			want: []string{"--- SKIP example/a TestTool", "no tool"}, not: []string{"not allowed"},
		},
		{
			name: "does not build", pkgs: map[string]string{"a": fine, "b": "func TestX(t *testing.T) { undefinedThing() }"},
			status: 1, last: "2 passed, 1 failed, 0 skipped",
			want: []string{"undefined: undefinedThing", "failed in unit: example/b does not build"},
		},
		{
			name: "exits in the middle", pkgs: map[string]string{"a": "func TestX(t *testing.T) { t.Log(\"so far\"); os.Exit(3) }"},
			status: 1, last: "0 passed, 1 failed, 0 skipped",
			want: []string{"failed in unit: example/a TestX"},
		},
		{
			name: "TestMain fails", pkgs: map[string]string{"a": fine + "func TestMain(m *testing.M) { m.Run(); println(\"leak!\"); os.Exit(1) }"},
			status: 1, last: "2 passed, 1 failed, 0 skipped",
			want: []string{"leak!", "failed in unit: example/a failed outside its tests"},
		},
		{
			name: "panics", pkgs: map[string]string{"a": "func TestX(t *testing.T) { panic(\"boom\") }"},
			status: 1, last: "0 passed, 1 failed, 0 skipped", want: []string{"boom", "failed in unit: example/a TestX"},
		},
		{
			// Whichever of them comes first hangs, and the others wait for it.
			name: "hangs", pkgs: map[string]string{"a": "func TestA(t *testing.T) { t.Parallel(); stuck() }\n" +
				"func TestB(t *testing.T) { t.Parallel(); stuck() }\nfunc TestC(t *testing.T) { t.Parallel(); stuck() }\n" +
				"func stuck() { select {} }\n"},
			flags: "-parallel 1 -timeout 2s", status: 1, last: "0 passed, 3 failed, 0 skipped",
			want: []string{
				"--- TIMEOUT example/a: test timed out after 2s\n    running tests:\n        Test", "example/a.stuck(",
				" was running when the time ran out\n\n0 passed", " had not ended when the time ran out, but was not running\n",
			},
			not: []string{"testing.(*T).Parallel("},
		},
		{
			name: "nothing to test", pkgs: map[string]string{"a": ""},
			status: 1, last: "0 passed, 0 failed, 0 skipped", want: []string{"ran no test"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := module(t, tt.pkgs)
			var out, stderr bytes.Buffer
			status := run(append(tt.args, "test:unit=cd '"+dir+"' && go test -json "+tt.flags+" ./..."), &out, &stderr)
			if status != tt.status {
				t.Errorf("status: got %d, want %d", status, tt.status)
			}
			if !strings.HasSuffix(out.String(), "\n\n"+tt.last+"\n") {
				t.Errorf("closing line: want %q", tt.last)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output: want %q in it", want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("output: want no %q in it", not)
				}
			}
			if t.Failed() {
				t.Logf("output:\n%s\n%s", out.Bytes(), stderr.Bytes())
			}
		})
	}
}

func TestSteps(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"check passes", []string{"check:tidy=true"}, 0, "tidy         ok"},
		{"check fails, the next step still runs", []string{"check:tidy=echo untidy; false", "check:next=echo ran"}, 1, "\nran\n"},
		{"go test cannot start", []string{"test:unit=exit 2"}, 1, "exit status 2"},
		{"go test is killed", []string{`test:unit=echo '{"Action":"run","Package":"p","Test":"TestX"}'; kill -9 $$`}, 1, "failed in unit: p TestX"},
		{"lines that are no events", []string{"test:unit=echo hello; exit 1"}, 1, "\nhello\n"},
		{"no steps", nil, 2, "no steps"},
		{"no kind", []string{"tidy=true"}, 2, `step "tidy=true"`},
		{"no command", []string{"check:tidy="}, 2, "want check:NAME=COMMAND"},
		{"unknown kind", []string{"chek:tidy=true"}, 2, "want check:NAME=COMMAND"},
		{"broken expression", []string{"-allow-skip", "(", "check:tidy=true"}, 2, "-allow-skip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(tt.args, &stdout, &stderr)
			if got := stdout.String() + stderr.String(); status != tt.status || !strings.Contains(got, tt.want) {
				t.Errorf("run(%q): got status %d, want %d; got output %q, want %q in it", tt.args, status, tt.status, got, tt.want)
			}
		})
	}
}
