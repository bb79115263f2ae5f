package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestServeTellsSystemd receives what a service of Type=notify says: ready, that it answers, that it
// stops.
func TestServeTellsSystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	signals := make(chan os.Signal, 1)
	ended := make(chan int, 1)
	go func() {
		code, _, _ := script(map[string]string{"NOTIFY_SOCKET": socket, "WATCHDOG_USEC": "200000"}, signals,
			"serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", "127.0.0.1:0")
		ended <- code
	}()
	var said []string
	await := func(want string) {
		t.Helper()
		for len(said) == 0 || said[len(said)-1] != want {
			b := make([]byte, 100)
			n, err := conn.Read(b)
			if err != nil {
				t.Fatalf("waiting for %q after %q: %v", want, said, err)
			}
			said = append(said, string(b[:n]))
		}
	}
	await("READY=1")
	await("WATCHDOG=1")
	signals <- syscall.SIGTERM
	await("STOPPING=1")
	if code := <-ended; code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
	if first := strings.Join(said, " "); strings.Count(first, "READY=1") != 1 {
		t.Errorf("got %q, want READY=1 once", first)
	}
}
