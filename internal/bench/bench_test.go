package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/bench"
)

// small returns the default run with counts that take a second.
func small(t *testing.T) bench.Options {
	t.Helper()
	o := bench.Default()
	o.Count, o.RawCount, o.Array, o.Rate, o.Duration, o.Dir = 300, 200, 50, 50, 500*time.Millisecond, t.TempDir()
	var err error
	if o.Executable, err = os.Executable(); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRun(t *testing.T) {
	tests := []struct {
		name       string
		change     func(o *bench.Options)
		deliveries int
	}{
		{"arrays", func(*bench.Options) {}, 300},
		{"single", func(o *bench.Options) { o.Publish, o.Concurrency = bench.PublishSingle, 8 }, 300},
		{"stream", func(o *bench.Options) { o.Publish = bench.PublishNDJSON }, 300},
		{"spread over endpoints, one failing", func(o *bench.Options) { o.Endpoints, o.Failing = 10, .1 }, 270},
		{"fan-out", func(o *bench.Options) { o.Endpoints, o.FanOut, o.Count, o.Rate = 10, true, 30, 5 }, 300},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // mostly waits; the test is not about speed
			o := small(t)
			tt.change(&o)
			res, err := bench.Run(t.Context(), o)
			if err != nil {
				t.Fatalf("bench: %v", err)
			}
			r := res.Relay
			if r.Deliveries != tt.deliveries || r.Delivered != int64(tt.deliveries) || r.Duplicates != 0 {
				t.Errorf("got %d of %d deliveries and %d duplicates, want %d, %[5]d and 0", r.Delivered, r.Deliveries, r.Duplicates, tt.deliveries, tt.deliveries)
			}
			if r.Events != o.Count {
				t.Errorf("got %d events, want %d", r.Events, o.Count)
			}
			if res.Raw.PerSecond <= 0 || r.PerSecond <= 0 || r.AcceptedPerSecond <= 0 || res.Ratio == nil || *res.Ratio <= 0 {
				t.Errorf("got raw %v/s, relay %v/s, accepted %v/s and ratio %v, want all above zero", res.Raw.PerSecond, r.PerSecond, r.AcceptedPerSecond, res.Ratio)
			}
			if r.P50Ms == nil || *r.P50Ms <= 0 || *r.P50Ms > *r.P99Ms || *r.P99Ms > *r.P999Ms {
				t.Errorf("got latencies %v, %v, %v ms, want rising ones above zero", r.P50Ms, r.P99Ms, r.P999Ms)
			}
			entries, err := os.ReadDir(o.Dir)
			if err != nil || len(entries) > 0 {
				t.Errorf("got %v left in the temporary folder (error %v), want nothing", entries, err)
			}
		})
	}
}

func TestResultJSON(t *testing.T) {
	o := small(t)
	res, err := bench.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("bench: %v", err)
	}
	text, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if names := keys(got); !slices.Equal(names, []string{"ratio", "raw", "relay"}) {
		t.Errorf("got members %q, want ratio, raw and relay", names)
	}
	if names := keys(got["raw"]); !slices.Equal(names, []string{"perSecond"}) {
		t.Errorf("got members %q of raw, want perSecond alone", names)
	}
	relay := keys(got["relay"])
	for _, name := range []string{"perSecond", "p50Ms", "p99Ms", "p999Ms", "cpuMicrosPerDelivery", "rssMB", "rssAfterMB", "keptBytesPerDelivery", "writtenBytesPerDelivery"} {
		if !slices.Contains(relay, name) {
			t.Errorf("got members %q of relay, want %q among them", relay, name)
		}
	}
	var out bytes.Buffer
	if err := res.Print(&out, &o); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"raw ceiling", "ratio", "300 of 300, 0 duplicates", "shared this machine's"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("got %q, want %q in it", out.String(), words)
		}
	}
}

func keys(v any) []string {
	m, _ := v.(map[string]any)
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestRunCases(t *testing.T) {
	o := small(t)
	o.Runs, o.Scale = 1, .002
	rows, err := bench.RunCases(t.Context(), o, []string{"burst", "catalogue", "wide"})
	if err != nil {
		t.Fatalf("cases: %v", err)
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.Case]++
		if r.What == "" || r.Unit == "" || r.Target <= 0 || r.Figure < 0 {
			t.Errorf("got row %+v, want all of it filled", r)
		}
	}
	if counts["burst"] < 1 || counts["catalogue"] != 3 || counts["wide"] != 2 {
		t.Errorf("got rows %+v, want at least one of burst, three of catalogue and two of wide", rows)
	}
	var out bytes.Buffer
	if err := bench.PrintRows(&out, rows); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "of raw") {
		t.Errorf("got table %q, want the ratio's unit in it", out.String())
	}
	if _, err := bench.RunCases(t.Context(), o, []string{"nonesuch"}); err == nil || !strings.Contains(err.Error(), "backlog") {
		t.Errorf("case %q: got error %v, want one that lists the cases", "nonesuch", err)
	}
}

// TestInterrupted checks that a bench that would take a minute ends at once when interrupted, and
// leaves no files behind.
func TestInterrupted(t *testing.T) {
	o := small(t)
	o.Count, o.Rate, o.Duration = 100, 20, 10*time.Minute
	o.Log = new(bytes.Buffer)
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(2*time.Second, cancel)
	defer timer.Stop()
	_, err := bench.Run(ctx, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want that it was canceled", err)
	}
	entries, err := os.ReadDir(o.Dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("got %v left in the temporary folder (error %v), want nothing", entries, err)
	}
}

func TestOptionsRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(o *bench.Options)
		want   string
	}{
		{"no events", func(o *bench.Options) { o.Count = 0 }, "--count"},
		{"array too long", func(o *bench.Options) { o.Array = 1001 }, "--array"},
		{"events too small", func(o *bench.Options) { o.EventSize = bench.MinEventSize - 1 }, "--size"},
		{"share above one", func(o *bench.Options) { o.Hanging = 1.5 }, "--hanging"},
		{"nobody healthy", func(o *bench.Options) { o.Hanging, o.Failing = .5, .5 }, "healthy"},
		{"unknown way", func(o *bench.Options) { o.Publish = "bulk" }, "--publish"},
		{"target without key", func(o *bench.Options) { o.Target = "http://127.0.0.1:1" }, "--key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := small(t)
			tt.change(&o)
			if _, err := bench.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one about %q", err, tt.want)
			}
		})
	}
}
