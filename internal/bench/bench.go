// Package bench measures Relay against a raw ceiling on the machine it runs
// on, and holds the figures to their targets.
//
// The raw ceiling is what a program that keeps nothing reaches: a loop over
// net/http with kept-alive connections that makes the same bodies, signs them
// the same way and posts them to the same receiver. Relay does that and more:
// it accepts the events over HTTP, makes them durable, routes, delivers and
// logs them. Both are measured in one run, by turns, so that the ratio holds
// for the machine at that hour and not for somebody else's.
//
// Relay and the receiver run as processes of their own (the same binary,
// started again), so that processor time and memory are Relay's alone. They
// share the machine with the publisher: on a machine with few cores the
// publisher and the receiver take their part of it, in both measurements.
//
// The parts: payload.go makes events; publish.go sends them to Relay; raw.go
// is the ceiling; receiver.go is the other end; process.go starts, watches
// and ends processes; scenario.go holds a relay under load and cases*.go the
// named rows with their targets; report.go prints.
//
// Known weak points: processor time, memory and written bytes are read from
// /proc and are missing on systems without it; a process's written bytes are
// what it made the kernel write, not what the disk wrote.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// How events are published.
const (
	PublishSingle = "single" // one event a request
	PublishArray  = "array"  // arrays of Options.Array events
	PublishNDJSON = "ndjson" // one stream
)

// Options says what to run. Default gives the default run.
type Options struct {
	// Count is how many events the burst publishes.
	Count int
	// EventSize is the size of an event's data, bytes; at least MinEventSize.
	EventSize int
	// Endpoints is the number of webhooks. Each event goes to one of them, by
	// turns, or to all with FanOut.
	Endpoints int
	FanOut    bool
	// Publish is PublishSingle, PublishArray or PublishNDJSON.
	Publish string
	// Array is the number of events in an array, 1 to 1,000.
	Array int
	// Concurrency is how many publishers there are, a connection each. Zero: 64
	// for single events, 8 for arrays.
	Concurrency int
	// Hanging and Failing are the shares, 0 to 1, of endpoints that do not
	// answer for 10 s, or answer 500.
	Hanging, Failing float64

	// Rate is how many events a second the latency is measured at, published
	// one by one whatever the answers (open loop). Zero: not measured.
	Rate int
	// Duration is for how long, and how long any open loop of a case runs.
	Duration time.Duration
	// RawCount is how many requests the raw ceiling makes; zero: Count, at
	// most 50,000. NoRaw leaves the ceiling out.
	RawCount int
	NoRaw    bool
	// Runs is how often the burst and the ceiling are measured, by turns; the
	// figures are medians.
	Runs int

	// Scale multiplies the sizes of the large cases (a million owed, five
	// million in the log), for a quick look; figures of other scales than 1 are
	// marked. Zero: 1.
	Scale float64

	// Database is the URL of a PostgreSQL database that relays keep everything
	// in, in a schema of their own, instead of a folder; Nodes is how many
	// relays share it. Zero: 1.
	Database string
	Nodes    int

	// Target and Key name a running Relay to use instead of starting one. It
	// must be able to reach this machine's loopback addresses (serve --dev).
	Target, Key string
	// Executable is the relay binary to start; empty: this program.
	Executable string
	// ServeArgs are added to the arguments of serve.
	ServeArgs []string
	// ServeEnv is added to the environment of serve.
	ServeEnv []string
	// Dir is where the temporary data folders go; empty: os.TempDir. It should
	// be on the disk that is to be measured.
	Dir string

	// Log receives what goes on, in lines for people. Nil: nothing.
	Log io.Writer
	// Terminal shows progress bars on Log.
	Terminal bool
}

// Default returns the options of the default run: a burst of 50,000 events of
// 1 KB in arrays of 100 to one endpoint, and the latency at 2,000 a second.
func Default() Options {
	return Options{
		Count: 50_000, EventSize: 1024, Endpoints: 1, Publish: PublishArray, Array: 100,
		Rate: 2000, Duration: 5 * time.Second, Runs: 1, Scale: 1,
	}
}

// Bounds of the options: a bench that never ends, or takes the machine down, measures nothing.
const (
	maxCount     = 100_000_000
	maxEndpoints = 100_000
	maxPublisher = 1024
	maxRate      = 1_000_000
	maxDuration  = time.Hour
	maxRuns      = 99
)

// check fills what is zero and refuses what makes no sense.
func (o *Options) check() error {
	if o.Concurrency == 0 {
		o.Concurrency = 8
		if o.Publish == PublishSingle {
			o.Concurrency = 64
		}
	}
	if o.RawCount == 0 {
		o.RawCount = min(o.Count, 50_000)
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.Scale == 0 {
		o.Scale = 1
	}
	if o.Executable == "" && o.Target == "" {
		path, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program's file to start it again: %w", err)
		}
		o.Executable = path
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	within := func(name string, got, least, most int) error {
		if got < least || got > most {
			return fmt.Errorf("%s must be %d to %d, got %d", name, least, most, got)
		}
		return nil
	}
	share := func(name string, got float64) error {
		if !(got >= 0 && got <= 1) {
			return fmt.Errorf("%s must be a share from 0 to 1, got %v", name, got)
		}
		return nil
	}
	err := errors.Join(
		within("--count", o.Count, 1, maxCount),
		within("--size", o.EventSize, MinEventSize, 1_000_000),
		within("--endpoints", o.Endpoints, 1, maxEndpoints),
		within("--array", o.Array, 1, 1000),
		within("--concurrency", o.Concurrency, 1, maxPublisher),
		within("--rate", o.Rate, 0, maxRate),
		within("--raw-count", o.RawCount, 1, maxCount),
		within("--nodes", o.Nodes, 1, 16),
		within("--runs", o.Runs, 1, maxRuns),
		share("--hanging", o.Hanging),
		share("--failing", o.Failing),
	)
	switch {
	case err != nil:
		return err
	case o.Nodes > 1 && o.Database == "":
		return errors.New("--nodes needs --database: a folder has one relay")
	case o.Database != "" && o.Target != "":
		return errors.New("--database and --target exclude each other")
	case o.Publish != PublishSingle && o.Publish != PublishArray && o.Publish != PublishNDJSON:
		return fmt.Errorf("--publish must be %q, %q or %q, got %q", PublishSingle, PublishArray, PublishNDJSON, o.Publish)
	case o.Hanging+o.Failing >= 1:
		return fmt.Errorf("--hanging and --failing must leave a healthy endpoint, got %v and %v", o.Hanging, o.Failing)
	case o.Duration < 100*time.Millisecond || o.Duration > maxDuration:
		return fmt.Errorf("--duration must be 100ms to %v, got %v", maxDuration, o.Duration)
	case !(o.Scale > 0 && o.Scale <= 100):
		return fmt.Errorf("--scale must be above 0 and at most 100, got %v", o.Scale)
	case (o.Target == "") != (o.Key == ""):
		return errors.New("--target and --key go together")
	}
	return nil
}

// Result is what a run measured, as --json prints it. Figures that could not
// be read (a target elsewhere, a system without /proc) are null.
type Result struct {
	Raw   Raw         `json:"raw"`
	Relay RelayResult `json:"relay"`
	// Ratio is Relay's deliveries a second by the raw ceiling's; null without one.
	Ratio *float64 `json:"ratio"`
}

// Raw is the raw ceiling.
type Raw struct {
	PerSecond float64 `json:"perSecond"` // requests answered a second

	// cpu is the processor time of a request, loop and receiver, µs; zero: unknown.
	cpu float64
}

// RelayResult is what Relay did.
type RelayResult struct {
	PerSecond         float64 `json:"perSecond"`         // deliveries a second, from the first publish to the last arrival
	AcceptedPerSecond float64 `json:"acceptedPerSecond"` // events a second, from the first publish to the last 202

	// Publish to arrival at Options.Rate; null when it was not measured.
	RatePerSecond int      `json:"ratePerSecond"`
	P50Ms         *float64 `json:"p50Ms"`
	P99Ms         *float64 `json:"p99Ms"`
	P999Ms        *float64 `json:"p999Ms"`

	CPUMicrosPerDelivery *float64 `json:"cpuMicrosPerDelivery"` // user and system, until the log is written and Relay is quiet
	// The same of publisher, relay and receiver together, and of the raw loop and
	// the receiver for a request: unlike the ratio, these hardly change when
	// somebody else uses the machine.
	AllCPUMicrosPerDelivery *float64 `json:"allCpuMicrosPerDelivery"`
	RawCPUMicrosPerRequest  *float64 `json:"rawCpuMicrosPerRequest"`
	WrittenBytesPerDelivery *float64 `json:"writtenBytesPerDelivery"` // that the process caused to be written
	KeptBytesPerDelivery    *float64 `json:"keptBytesPerDelivery"`    // in the data folder after Relay has stopped
	RSSMB                   *float64 `json:"rssMB"`                   // the highest, MiB
	RSSAfterMB              *float64 `json:"rssAfterMB"`              // when it was quiet again, MiB

	Events      int   `json:"events"`      // accepted in the burst
	Deliveries  int   `json:"deliveries"`  // owed to healthy endpoints in the burst
	Delivered   int64 `json:"delivered"`   // of these, arrived
	Duplicates  int64 `json:"duplicates"`  // arrived again
	Connections int64 `json:"connections"` // opened to the receiver during the burst

	// Turns to the store for deliveries that had to wait, and the share of them
	// that found none; null without any.
	Claims      int64    `json:"claims"`
	EmptyClaims *float64 `json:"emptyClaims"`
}

// Run runs one scenario as the options describe it.
func Run(ctx context.Context, o Options) (*Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	l, err := newLab(ctx, o)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.run(ctx)
}
