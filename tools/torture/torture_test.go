package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// bench is a torture whose runs take a minute each and report what the test wants.
type bench struct {
	torture
	clock time.Time
	out   strings.Builder
	ran   []string
}

func newBench(answer func(p part, seed uint64) ([]line, error), list ...part) *bench {
	b := &bench{}
	b.torture = torture{parts: list, out: &b.out, now: func() time.Time { return b.clock }}
	b.run = func(_ context.Context, p part, seed uint64) ([]line, error) {
		b.clock = b.clock.Add(time.Minute)
		b.ran = append(b.ran, fmt.Sprint(p.name, seed))
		return answer(p, seed)
	}
	return b
}

func good(part, uint64) ([]line, error) {
	return []line{{Faults: 10, Accepted: 100, Repeated: 2, RecoveryMS: 30}, {Faults: 1, RecoveryMS: 1200}}, nil
}

func TestRounds(t *testing.T) {
	b := newBench(good, part{name: "a"}, part{name: "b", once: true}, part{name: "c"})
	if !b.through(t.Context(), 5*time.Minute, 7) {
		t.Errorf("got a failure:\n%s", b.out.String())
	}
	if want := []string{"a7", "b7", "c7", "a8", "c8"}; !slices.Equal(b.ran, want) {
		t.Errorf("got the runs %q, want %q", b.ran, want)
	}
	for _, want := range []string{`a +2 +2m0s +22 +200 +0 +4 +0 +0 +0 +0 +1.2s +ok`, `all +5 +5m0s +55 +500 `, `5 runs in 5m0s, seeds from 7 on, 0 failed`} {
		if !regexp.MustCompile(want).MatchString(b.out.String()) {
			t.Errorf("got this report, want …%s…:\n%s", want, b.out.String())
		}
	}
}

func TestNoTimeForAll(t *testing.T) {
	b := newBench(good, part{name: "a"}, part{name: "b"}, part{name: "c"})
	b.through(t.Context(), 90*time.Second, 1)
	if want := []string{"a1", "b1"}; !slices.Equal(b.ran, want) || !strings.Contains(b.out.String(), "There was no time for: c.") {
		t.Errorf("got the runs %q, want %q, and that the report names the others:\n%s", b.ran, want, b.out.String())
	}
}

func TestEveryViolationFails(t *testing.T) {
	for name, answer := range map[string]func(part, uint64) ([]line, error){
		"lost":       func(part, uint64) ([]line, error) { return []line{{Lost: 1}}, nil },
		"duplicated": func(part, uint64) ([]line, error) { return []line{{Duplicated: 1}}, nil },
		"inversions": func(part, uint64) ([]line, error) { return []line{{}, {Inversions: 1}}, nil },
		"wrong":      func(part, uint64) ([]line, error) { return []line{{Wrong: 1}}, nil },
		"overdue":    func(part, uint64) ([]line, error) { return []line{{Overdue: 1}}, nil },
		"failed":     func(part, uint64) ([]line, error) { return []line{{Failed: true}}, nil },
		"the program": func(part, uint64) ([]line, error) {
			return nil, errors.New("exit status 1\n--- FAIL: TestKill")
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(answer, part{name: "a", once: true}, part{name: "b", once: true})
			if b.through(t.Context(), time.Hour, 1) {
				t.Errorf("got success, want a failure:\n%s", b.out.String())
			}
			if len(b.ran) != 2 || !strings.Contains(b.out.String(), "2 failed.") {
				t.Errorf("got %d runs, want that the others go on and all are counted:\n%s", len(b.ran), b.out.String())
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b := newBench(func(part, uint64) ([]line, error) { cancel(); return nil, context.Canceled }, part{name: "a"}, part{name: "b"})
	if b.through(ctx, time.Hour, 1) || len(b.ran) != 1 {
		t.Errorf("got %d runs and success, want one run and no success", len(b.ran))
	}
}

func TestParseLines(t *testing.T) {
	got, err := parseLines([]byte(`{"test":"TestA","failed":true,"faults":3,"accepted":100,"lost":1,"repeated":2,"duplicated":3,"inversions":4,"wrong":5,"overdue":6,"recovery_ms":1500}` + "\n" + `{"test":"TestB"}` + "\n"))
	want := []line{{"TestA", true, 3, 100, 1, 2, 3, 4, 5, 6, 1500}, {Test: "TestB"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseLines([]byte(`{"test":"TestA","lots":1}`)); err == nil {
		t.Error("an unknown field: got no error, want one, because its meaning would be lost")
	}
}

func TestFailures(t *testing.T) {
	out := "=== RUN TestA\n    a_test.go:12: got 1, want 2\n--- FAIL: TestA (1.00s)\nok\n"
	if got, want := failures(out), "    a_test.go:12: got 1, want 2\n--- FAIL: TestA (1.00s)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose(parts, "^(kill|rot)$"); err != nil || len(got) != 2 {
		t.Errorf("got %v, %v, want two parts", got, err)
	}
	for _, expr := range []string{"nothing at all", "("} {
		if _, err := choose(parts, expr); err == nil {
			t.Errorf("-only %q: got no error", expr)
		}
	}
}

// Each part names tests that there are, and variables that they read: a renamed test would not be
// missed otherwise.
func TestPartsExist(t *testing.T) {
	function := regexp.MustCompile(`(?m)^func (Test\w*)\(`)
	names := make(map[string]bool)
	for _, p := range parts {
		if names[p.name] || p.what == "" {
			t.Errorf("part %q: there are two, or it does not say what it breaks", p.name)
		}
		names[p.name] = true
		files, _ := filepath.Glob(filepath.Join("../../internal", p.folder, "*_test.go"))
		var source strings.Builder
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(b)
		}
		var tests []string
		for _, m := range function.FindAllStringSubmatch(source.String(), -1) {
			tests = append(tests, m[1])
		}
		for expr := range strings.SplitSeq(p.tests, "|") {
			if !slices.ContainsFunc(tests, regexp.MustCompile("^("+expr+")$").MatchString) {
				t.Errorf("part %q: there is no test %q in internal/%s", p.name, expr, p.folder)
			}
		}
		for _, v := range p.env {
			name, _, _ := strings.Cut(v, "=")
			if !strings.Contains(source.String(), `"`+name+`"`) {
				t.Errorf("part %q: no test in internal/%s reads %s", p.name, p.folder, name)
			}
		}
	}
}
