package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is one line of "go test -json": see "go doc test2json" and "go help buildjson".
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// id names a test, or with an empty test its package.
type id struct{ pkg, test string }

func (i id) String() string {
	if i.test == "" {
		return i.pkg
	}
	return i.pkg + " " + i.test
}

// results follows one "go test -json".
type results struct {
	w       io.Writer
	allowed *regexp.Regexp // nil: nothing may skip

	passed, failed, skipped int // tests and subtests; a package that failed without a failed test counts as one
	packages                int
	failures                []string
	forbidden               []string // skipped without permission

	output   map[id][]string // of what has begun and not ended
	counts   map[string]*count
	timeouts map[string]*timeout // of packages whose time has run out
}

// count is what one package's tests have come to so far.
type count struct{ passed, failed, skipped int }

func newResults(w io.Writer, allowed *regexp.Regexp) *results {
	return &results{w: w, allowed: allowed, output: map[id][]string{}, counts: map[string]*count{}, timeouts: map[string]*timeout{}}
}

// read consumes the stream to its end. Lines that are not events are passed on as they are.
func (r *results) read(stream io.Reader) error {
	in := bufio.NewReader(stream)
	for {
		line, err := in.ReadBytes('\n') // not a Scanner: a test may log a line of any length
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				r.handle(e)
			} else {
				fmt.Fprintf(r.w, "%s\n", strings.TrimSuffix(string(line), "\n"))
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading test results: %w", err)
		}
	}
}

func (r *results) handle(e event) {
	self := id{e.Package, e.Test}
	switch e.Action {
	case "build-output": // belongs to an import path, not to a test
		fmt.Fprint(r.w, e.Output)
	case "output":
		if strings.HasPrefix(e.Output, timeoutHead) {
			r.timeouts[e.Package] = &timeout{}
		}
		if t := r.timeouts[e.Package]; t != nil {
			t.add(e.Output)
			return
		}
		r.output[self] = append(r.output[self], e.Output)
	case "run":
		r.output[self] = nil // marks it as begun even if it says nothing
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e.Action, self)
		}
	}
}

func (r *results) endTest(action string, self id) {
	n := r.count(self.pkg)
	switch action {
	case "pass":
		r.passed++
		n.passed++
	case "fail":
		r.failed++
		n.failed++
		r.failures = append(r.failures, self.String())
		r.show("FAIL", self)
	case "skip":
		r.skipped++
		n.skipped++
		if r.allowed == nil || !r.allowed.MatchString(self.test) {
			r.forbidden = append(r.forbidden, self.String())
		}
		r.show("SKIP", self)
	}
	delete(r.output, self)
}

func (r *results) endPackage(e event) {
	n := r.count(e.Package)
	if e.Action == "fail" {
		if t := r.timeouts[e.Package]; t != nil {
			t.show(r.w, e.Package)
		}
		r.endUnfinished(e.Package)
		r.show("FAIL", id{pkg: e.Package})
		if n.failed == 0 {
			r.failed++
			why := "failed outside its tests"
			if e.FailedBuild != "" {
				why = "does not build"
			}
			r.failures = append(r.failures, e.Package+" "+why)
		}
	}
	verdict := map[string]string{"pass": "ok", "fail": "FAIL", "skip": "-"}[e.Action]
	switch tests := n.passed + n.failed + n.skipped; {
	case tests == 0 && e.Action != "fail":
		fmt.Fprintf(r.w, "%-4s %s (no tests)\n", "-", e.Package)
	default:
		r.packages++
		fmt.Fprintf(r.w, "%-4s %s  %.2fs, %d tests\n", verdict, e.Package, e.Elapsed, tests)
	}
	delete(r.output, id{pkg: e.Package})
	delete(r.counts, e.Package)
	delete(r.timeouts, e.Package)
}

// endUnfinished counts as failed what began and never ended, as after a panic, an os.Exit or a timeout.
func (r *results) endUnfinished(pkg string) {
	var left []id
	for self := range r.output {
		if self.pkg == pkg && self.test != "" {
			left = append(left, self)
		}
	}
	slices.SortFunc(left, func(a, b id) int { return strings.Compare(a.test, b.test) })
	t := r.timeouts[pkg]
	if t == nil {
		for _, self := range left {
			r.endTest("fail", self)
		}
		return
	}
	// Which of them hung, and which only waited, is what one wants to know.
	for _, self := range left {
		if !t.ran(self.test) {
			r.unfinished(self, "had not ended when the time ran out, but was not running")
		}
	}
	for _, self := range left {
		if t.ran(self.test) {
			r.show("FAIL", self)
			r.unfinished(self, "was running when the time ran out")
		}
	}
}

// unfinished counts a test that the package's timeout ended.
func (r *results) unfinished(self id, how string) {
	r.failed++
	r.count(self.pkg).failed++
	r.failures = append(r.failures, self.String()+" "+how)
	delete(r.output, self)
}

// finish accounts for packages whose end never came, because the go command itself was killed.
func (r *results) finish() {
	var left []string
	for self := range r.output {
		if !slices.Contains(left, self.pkg) {
			left = append(left, self.pkg)
		}
	}
	slices.Sort(left)
	for _, pkg := range left {
		r.endPackage(event{Action: "fail", Package: pkg})
	}
}

func (r *results) count(pkg string) *count {
	if r.counts[pkg] == nil {
		r.counts[pkg] = &count{}
	}
	return r.counts[pkg]
}

// show prints what a test, or a package outside its tests, has said; without the lines in which go test tells which
// test runs now, since those only make sense in the full stream.
func (r *results) show(verdict string, self id) {
	fmt.Fprintf(r.w, "--- %s %s\n", verdict, self)
	for _, line := range r.output[self] {
		if !strings.HasPrefix(line, "=== ") {
			fmt.Fprint(r.w, "    ", strings.TrimSuffix(line, "\n"), "\n")
		}
	}
}
