package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// line is what a test reported, as package testenv writes it.
type line struct {
	Test       string `json:"test"`
	Failed     bool   `json:"failed"`
	Faults     int    `json:"faults"`
	Accepted   int    `json:"accepted"`
	Lost       int    `json:"lost"`
	Repeated   int    `json:"repeated"`
	Duplicated int    `json:"duplicated"`
	Inversions int    `json:"inversions"`
	Wrong      int    `json:"wrong"`
	Overdue    int    `json:"overdue"`
	RecoveryMS int64  `json:"recovery_ms"`
}

// broken reports whether the line shows a broken promise.
func (l *line) broken() bool {
	return l.Failed || l.Lost+l.Duplicated+l.Inversions+l.Wrong+l.Overdue > 0
}

// parseLines reads lines of JSON.
func parseLines(b []byte) (list []line, err error) {
	for text := range bytes.Lines(b) {
		var l line
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("a line of a report: %w: %s", err, text)
		}
		list = append(list, l)
	}
	return list, nil
}

// total sums up the runs of a part.
type total struct {
	line
	runs, failed int
	took         time.Duration // all runs
	last         time.Duration
}

func (t *total) add(list []line) {
	for _, l := range list {
		t.Faults += l.Faults
		t.Accepted += l.Accepted
		t.Lost += l.Lost
		t.Repeated += l.Repeated
		t.Duplicated += l.Duplicated
		t.Inversions += l.Inversions
		t.Wrong += l.Wrong
		t.Overdue += l.Overdue
		t.RecoveryMS = max(t.RecoveryMS, l.RecoveryMS)
	}
}

// torture runs parts.
type torture struct {
	parts []part
	run   func(ctx context.Context, p part, seed uint64) ([]line, error)
	now   func() time.Time
	out   io.Writer
}

// through runs all parts in rounds, each with a seed of its own, until the duration is over. A part
// is not begun when it would take longer than what is left, as far as its last run tells. through
// reports whether every promise was kept.
func (t *torture) through(ctx context.Context, duration time.Duration, seed uint64) bool {
	begun := t.now()
	left := func() time.Duration { return duration - t.now().Sub(begun) }
	totals := make([]total, len(t.parts))
	fmt.Fprintf(t.out, "torture for %v, seed %d\n", duration, seed)
	for round := uint64(0); ; round++ {
		ran := false
		for i := range t.parts {
			p, sum := &t.parts[i], &totals[i]
			if ctx.Err() != nil || left() <= 0 || left() < sum.last || p.once && sum.runs > 0 {
				continue
			}
			ran = true
			fmt.Fprintf(t.out, "%8s left  %-12s round %d, seed %d: ", left().Round(time.Second), p.name, round+1, seed+round)
			start := t.now()
			lines, err := t.run(ctx, *p, seed+round)
			if ctx.Err() != nil {
				fmt.Fprintln(t.out, "interrupted")
				continue
			}
			sum.last = t.now().Sub(start)
			sum.runs++
			sum.took += sum.last
			sum.add(lines)
			bad := err != nil
			for i := range lines {
				bad = bad || lines[i].broken()
			}
			if !bad {
				fmt.Fprintf(t.out, "ok, %v\n", sum.last.Round(time.Second))
				continue
			}
			sum.failed++
			fmt.Fprintf(t.out, "FAILED after %v\n", sum.last.Round(time.Second))
			if err != nil {
				fmt.Fprintf(t.out, "\t%s\n", strings.ReplaceAll(err.Error(), "\n", "\n\t"))
			}
			for _, l := range lines {
				if l.broken() {
					fmt.Fprintf(t.out, "\t%s: %+v\n", l.Test, l)
				}
			}
		}
		if !ran {
			break
		}
	}
	return t.report(totals, t.now().Sub(begun), seed)
}

// report prints the table and reports whether every promise was kept.
func (t *torture) report(totals []total, took time.Duration, seed uint64) (ok bool) {
	fmt.Fprintln(t.out)
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "part\truns\ttime\tfaults\taccepted\tlost\trepeated\tduplicated\tinversions\twrong bodies\toverdue\tslowest recovery\tresult\t")
	var all total
	var idle []string
	row := func(name string, s *total, result string) {
		fmt.Fprintf(w, "%s\t%d\t%v\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%v\t%s\t\n", name, s.runs, s.took.Round(time.Second), s.Faults, s.Accepted,
			s.Lost, s.Repeated, s.Duplicated, s.Inversions, s.Wrong, s.Overdue, time.Duration(s.RecoveryMS)*time.Millisecond, result)
	}
	for i := range totals {
		s := &totals[i]
		if s.runs == 0 {
			idle = append(idle, t.parts[i].name)
			continue
		}
		all.runs += s.runs
		all.failed += s.failed
		all.took += s.took
		all.add([]line{s.line})
		row(t.parts[i].name, s, verdict(s.failed))
	}
	row("all", &all, verdict(all.failed))
	w.Flush()
	fmt.Fprintln(t.out, "\nrepeated: in progress at a fault, so at least once means twice here. duplicated: without such a reason.")
	if len(idle) > 0 {
		fmt.Fprintf(t.out, "There was no time for: %s.\n", strings.Join(idle, ", "))
	}
	fmt.Fprintf(t.out, "%d runs in %v, seeds from %d on, %d failed.\n", all.runs, took.Round(time.Second), seed, all.failed)
	return all.failed == 0 && all.runs > 0
}

func verdict(failed int) string {
	if failed > 0 {
		return fmt.Sprintf("%d FAILED", failed)
	}
	return "ok"
}
