package testenv

import (
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"
)

// Figures are the counts of a test that breaks something and checks what is left. A test leaves
// the fields that it does not count at zero.
type Figures struct {
	// Faults is how many things the test broke: kills, stops, crashes, full disks, damaged bits.
	Faults int `json:"faults"`
	// Accepted is how many events, respondents or profiles Relay acknowledged.
	Accepted int `json:"accepted"`
	// Lost is how many of the accepted were not stored or, in the end, not delivered.
	Lost int `json:"lost"`
	// Repeated is how many deliveries were made again because they were in progress at a fault.
	Repeated int `json:"repeated"`
	// Duplicated is how many deliveries were made again that were in progress at no fault.
	Duplicated int `json:"duplicated"`
	// Inversions is how many deliveries were attempted before an older one of their key was accepted.
	Inversions int `json:"inversions"`
	// Wrong is how many bodies differed from the published ones.
	Wrong int `json:"wrong"`
	// Overdue is how many deliveries were neither settled nor owed in the future at the end.
	Overdue int `json:"overdue"`
	// Recovery is the longest time from the end of a fault until Relay worked again.
	Recovery time.Duration `json:"-"`
}

// reportMu keeps the lines of parallel tests apart.
var reportMu sync.Mutex

// Reports reports whether the figures of tests are collected, as "make torture" does. It has the machine to itself.
func Reports() bool { return os.Getenv("RELAY_TEST_REPORT") != "" }

// Report appends the figures of a test as a line of JSON to the file that RELAY_TEST_REPORT names,
// when the test ends. Without the variable it does nothing. A test calls it at most once.
func Report(t testing.TB, f Figures) {
	path := os.Getenv("RELAY_TEST_REPORT")
	if path == "" {
		return
	}
	t.Cleanup(func() {
		line, err := json.Marshal(struct {
			Test   string `json:"test"`
			Failed bool   `json:"failed"`
			Figures
			RecoveryMS int64 `json:"recovery_ms"`
		}{t.Name(), t.Failed(), f, f.Recovery.Milliseconds()})
		if err == nil {
			err = appendLine(path, line)
		}
		if err != nil {
			t.Errorf("RELAY_TEST_REPORT: %v", err)
		}
	})
}

// appendLine adds a line to a file, which several processes may do at the same time.
func appendLine(path string, line []byte) error {
	reportMu.Lock()
	defer reportMu.Unlock()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(line, '\n')); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
