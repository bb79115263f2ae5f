package main

import (
	"fmt"
	"io"
	"strings"
)

// timeout is what the testing package says when a package's time has run out: a panic, the names of the tests that ran,
// and the stacks of all goroutines. "go test -json" counts these lines as output of whichever test spoke last, which is
// often one that merely waits for its turn to run in parallel.
type timeout struct {
	head    string   // "panic: test timed out after 15m0s"
	running []string // the tests that ran, as the panic names them, with how long: "TestX (15m0s)"
	listing bool     // the next lines name tests
	blocks  []string // a goroutine each
}

const (
	timeoutHead = "panic: test timed out after "
	// maxStacks bounds how many goroutines are shown.
	maxStacks = 30
)

// add takes in a line.
func (t *timeout) add(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case t.head == "":
		t.head = trimmed
	case trimmed == "running tests:":
		t.listing = true
	case t.listing && strings.HasPrefix(trimmed, "Test"):
		t.running = append(t.running, trimmed)
	case strings.HasPrefix(line, "goroutine "):
		t.listing = false
		t.blocks = append(t.blocks, line)
	case trimmed == "" || strings.HasPrefix(line, "FAIL\t"):
		t.listing = false
	case len(t.blocks) > 0:
		t.blocks[len(t.blocks)-1] += line
	}
}

// ran reports whether the panic names the test.
func (t *timeout) ran(test string) bool {
	for _, r := range t.running {
		if name, _, _ := strings.Cut(r, " "); name == test {
			return true
		}
	}
	return false
}

// show prints the names of the tests that ran, and the stacks of the goroutines that have to do with them: first those
// that run a function of theirs, then others of the same module. Tests that wait for their turn are left out.
func (t *timeout) show(w io.Writer, pkg string) {
	fmt.Fprintf(w, "--- TIMEOUT %s: %s\n    running tests:\n", pkg, strings.TrimPrefix(t.head, "panic: "))
	for _, r := range t.running {
		fmt.Fprintf(w, "        %s\n", r)
	}
	module, _, _ := strings.Cut(pkg, "/internal/")
	var theirs, others []string
	for _, b := range t.blocks {
		switch {
		case strings.Contains(b, "testing.(*T).Parallel(") || strings.Contains(b, "testing.(*M).startAlarm"):
		case t.calls(b):
			theirs = append(theirs, b)
		case strings.Contains(b, module):
			others = append(others, b)
		}
	}
	shown := append(theirs, others...)
	if len(shown) > maxStacks {
		shown = shown[:maxStacks]
	}
	for _, b := range shown {
		for line := range strings.Lines(b) {
			fmt.Fprint(w, "    ", strings.TrimSuffix(line, "\n"), "\n")
		}
		fmt.Fprintln(w)
	}
	if left := len(t.blocks) - len(shown); left > 0 {
		fmt.Fprintf(w, "    %d other goroutines\n", left)
	}
}

// calls reports whether a goroutine runs a function of a test that ran, or was made by one.
func (t *timeout) calls(block string) bool {
	for _, r := range t.running {
		name, _, _ := strings.Cut(r, " ")
		name, _, _ = strings.Cut(name, "/")
		for _, end := range []string{"(", ".", "\n", " in "} {
			if strings.Contains(block, "."+name+end) {
				return true
			}
		}
	}
	return false
}
