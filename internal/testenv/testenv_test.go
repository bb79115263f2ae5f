package testenv

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSkipChild runs as a process of TestSkip, because a test cannot observe its own failure.
func TestSkipChild(t *testing.T) {
	if os.Getenv("TESTENV_CHILD") == "1" {
		Binary(t, "no-such-program-anywhere")
	}
}

func TestSkip(t *testing.T) {
	tests := []struct {
		name    string
		env     []string
		passes  bool
		wantOut string
	}{
		{"loud by default", []string{"RELAY_TEST_NO_SKIP="}, true, "*** SKIPPED TestSkipChild: program \"no-such-program-anywhere\""},
		{"fatal when nothing may skip", []string{"RELAY_TEST_NO_SKIP=1", "RELAY_TEST_ALLOW_SKIP="}, false, "cannot run: program"},
		{"allowed by name", []string{"RELAY_TEST_NO_SKIP=1", "RELAY_TEST_ALLOW_SKIP=SkipChild$"}, true, "*** SKIPPED"},
		{"another name", []string{"RELAY_TEST_NO_SKIP=1", "RELAY_TEST_ALLOW_SKIP=Flask"}, false, "cannot run: program"},
		{"broken expression allows nothing", []string{"RELAY_TEST_NO_SKIP=1", "RELAY_TEST_ALLOW_SKIP=("}, false, "cannot run: program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^TestSkipChild$")
			cmd.Env = append(append(os.Environ(), "TESTENV_CHILD=1"), tt.env...)
			out, err := cmd.CombinedOutput()
			if (err == nil) != tt.passes {
				t.Errorf("with %q: got error %v, want passing %v\n%s", tt.env, err, tt.passes, out)
			}
			if !strings.Contains(string(out), tt.wantOut) {
				t.Errorf("with %q: got output %q, want it to contain %q", tt.env, out, tt.wantOut)
			}
		})
	}
}

func TestBinary(t *testing.T) {
	if got := Binary(t, "go"); !filepath.IsAbs(got) {
		t.Errorf("Binary(go): got %q, want an absolute path", got)
	}
}

func TestFreePort(t *testing.T) {
	port := FreePort(t)
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("listening on port %d from FreePort: %v", port, err)
	}
	l.Close()
}

func TestRoot(t *testing.T) {
	got, err := os.ReadFile(filepath.Join(Root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "module github.com/relay-events/relay\n"; !strings.HasPrefix(string(got), want) {
		t.Errorf("go.mod in Root: got %.60q, want it to start with %q", got, want)
	}
}
