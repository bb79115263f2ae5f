package testenv

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	t.Setenv("RELAY_TEST_REPORT", path)
	for _, name := range []string{"one", "two"} {
		t.Run(name, func(t *testing.T) { Report(t, Figures{Faults: 3, Accepted: 100, Recovery: 1500 * time.Millisecond}) })
	}
	line := func(name string) string {
		return `{"test":"TestReport/` + name + `","failed":false,"faults":3,"accepted":100,"lost":0,"repeated":0,"duplicated":0,` +
			`"inversions":0,"wrong":0,"overdue":0,"recovery_ms":1500}` + "\n"
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != line("one")+line("two") {
		t.Errorf("got %q, %v, want a line for each test", got, err)
	}
	t.Setenv("RELAY_TEST_REPORT", "")
	t.Run("unasked", func(t *testing.T) { Report(t, Figures{Faults: 1}) })
	if got, err := os.ReadFile(path); err != nil || len(got) != len(line("one")+line("two")) {
		t.Errorf("without the variable: got %q, %v, want nothing more", got, err)
	}
}
