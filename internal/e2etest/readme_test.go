package e2etest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// readmeBlocks returns the commands of README.md, in order, that a shell can run after the installation.
func readmeBlocks(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testenv.Root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for i, part := range strings.Split(string(b), "```sh\n") {
		if code, _, ok := strings.Cut(part, "```"); ok && i > 0 {
			blocks = append(blocks, code)
		}
	}
	return blocks
}

// TestReadme runs every shell block of README.md in order, twice in the same folder, and looks for what
// it promises. Only the ports are others, because further tests use those of the page.
func TestReadme(t *testing.T) {
	blocks := readmeBlocks(t)
	promised := []string{ // by block, a part of what it prints
		`{"status":"ok"}`,
		"Listening on",
		`"verdict":"delivered"`,
		`"duplicate":true`,
		`"duplicate":false`,
	}
	if len(blocks) != len(promised) {
		t.Fatalf("README.md has %d blocks of commands, and this test knows what %d print: add the new one", len(blocks), len(promised))
	}
	bin := t.TempDir()
	if err := os.Symlink(testenv.BuildRelay(t), filepath.Join(bin, "relay")); err != nil {
		t.Fatal(err)
	}
	checkout, tmp := t.TempDir(), t.TempDir()
	for range 2 {
		at, sink := testenv.FreePort(t), testenv.FreePort(t)
		ports := strings.NewReplacer("127.0.0.1:8080", fmt.Sprintf("127.0.0.1:%d", at), "relay sink", fmt.Sprintf("relay sink --listen 127.0.0.1:%d", sink))
		sh := exec.Command("bash", "-eu")
		sh.Dir = checkout
		sh.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+tmp, "HOME="+t.TempDir(), "XDG_CONFIG_HOME=",
			fmt.Sprintf("RELAY_LISTEN=127.0.0.1:%d", at), fmt.Sprintf("RELAY_URL=http://127.0.0.1:%d", at))
		stdin, err := sh.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := sh.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		sh.Stderr = sh.Stdout
		if err := sh.Start(); err != nil {
			t.Fatal(err)
		}
		lines := make(chan string, 1000)
		go func() {
			defer close(lines)
			for s := bufio.NewScanner(out); s.Scan(); {
				lines <- s.Text()
			}
		}()
		var printed []string
		wait := func(text string) {
			t.Helper()
			for deadline := time.After(patience); ; {
				for _, line := range printed {
					if strings.Contains(line, text) {
						return
					}
				}
				select {
				case line, ok := <-lines:
					if !ok {
						t.Fatalf("the shell ended before %q was printed:\n%s", text, strings.Join(printed, "\n"))
					}
					printed = append(printed, line)
				case <-deadline:
					t.Fatalf("%q was not printed:\n%s", text, strings.Join(printed, "\n"))
				}
			}
		}
		for i, block := range blocks {
			printed = nil
			code := ports.Replace(block)
			if strings.Contains(code, "explain") { // a person types it after the delivery
				code = strings.Replace(code, "relay explain", "until relay explain order-1 | grep -q delivered; do :; done\nrelay explain", 1)
			}
			if _, err := fmt.Fprintln(stdin, code+"\necho"); err != nil { // curl does not end the line
				t.Fatal(err)
			}
			wait(promised[i])
			if strings.Contains(code, "explain") {
				wait(`"valid":true`) // the sink has printed it
			}
		}
		if _, err := fmt.Fprintln(stdin, "kill $SINK $SERVER; wait || true; echo all ended"); err != nil {
			t.Fatal(err)
		}
		wait("all ended")
		for _, line := range printed {
			if strings.HasPrefix(line, "relay: ") {
				t.Errorf("the end prints an error: %s", line)
			}
		}
		stdin.Close()
		for range lines { //nolint:revive // until the shell has ended
		}
		if err := sh.Wait(); err != nil {
			t.Fatalf("the shell: %v", err)
		}
		left, err := os.ReadDir(checkout)
		if err != nil || len(left) > 0 {
			t.Errorf("the checkout has %v, %v after following README.md, want nothing", left, err)
		}
	}
}
