// Package bench measures Relay against a raw ceiling on the machine it runs on, and compares the
// figures with their targets.
//
// The raw ceiling is the speed of a program that stores nothing: a loop over net/http with
// kept-alive connections that builds the same bodies, signs them in the same way and posts them to
// the same receiver. Relay does that and more: it accepts the events over HTTP, makes them durable,
// routes, delivers and logs them. Both are measured alternately in one run, so that the ratio holds
// for the same machine at the same time.
//
// Relay and the receiver run as separate processes (the same binary, started again), so that the
// measured processor time and memory are Relay's alone. They share the machine with the publisher:
// on a machine with few cores the publisher and the receiver take their part of it, in both
// measurements.
//
// The parts: payload.go generates events; publish.go sends them to Relay; raw.go is the ceiling;
// receiver.go is the receiver; process.go starts, watches and ends processes; scenario.go puts a
// relay under load; cases*.go define the named rows with their targets; report.go prints.
//
// Known weak points: processor time, memory and written bytes are read from /proc and are missing
// on systems without it. A process's written bytes are the bytes that it made the kernel write, not
// those that the disk wrote.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Ways to publish events.
const (
	PublishSingle = "single" // one event per request
	PublishArray  = "array"  // arrays of Options.Array events
	PublishNDJSON = "ndjson" // one stream
)

// Options selects the cases and their size. Default returns the default run.
type Options struct {
	// Count is the number of events in the burst.
	Count int
	// EventSize is the size of an event's data in bytes; at least MinEventSize.
	EventSize int
	// Endpoints is the number of webhooks. Each event goes to one of them in turn, or to all with
	// FanOut.
	Endpoints int
	FanOut    bool
	// Publish is PublishSingle, PublishArray or PublishNDJSON.
	Publish string
	// Array is the number of events in an array, 1 to 1,000.
	Array int
	// Concurrency is the number of publishers, each with one connection. Zero means 64 for single
	// events, 8 for arrays.
	Concurrency int
	// Hanging and Failing are the shares, 0 to 1, of endpoints that do not answer for 10 s, or that
	// answer 500.
	Hanging, Failing float64

	// Rate is the number of events per second at which the latency is measured. They are published
	// one by one regardless of the answers (open loop). Zero means that latency is not measured.
	Rate int
	// Duration is how long latency is measured, and how long the open loop of a case runs.
	Duration time.Duration
	// RawCount is the number of requests of the raw ceiling; zero means Count, at most 50,000.
	// NoRaw omits the ceiling.
	RawCount int
	NoRaw    bool
	// Runs is how often the burst and the ceiling are measured, alternately; the figures are
	// medians.
	Runs int

	// Scale multiplies the sizes of the large cases (a million owed, five million in the log), for
	// a quick look. Figures of scales other than 1 are marked. Zero means 1.
	Scale float64

	// Database is the URL of a PostgreSQL database that relays use instead of a folder, in a
	// separate schema. Nodes is the number of relays that share it; zero means 1.
	Database string
	Nodes    int

	// Target and Key name a running Relay to use instead of starting one. It must be able to reach
	// this machine's loopback addresses (serve --dev).
	Target, Key string
	// Executable is the relay binary to start; empty means this program.
	Executable string
	// ServeArgs are added to the arguments of serve.
	ServeArgs []string
	// ServeEnv is added to the environment of serve.
	ServeEnv []string
	// Dir is the place for the temporary data folders; empty means os.TempDir. It should be on the
	// disk to be measured.
	Dir string

	// Log receives progress messages for people; nil for none.
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

// Limits of the options: a bench that never ends, or brings the machine down, measures nothing.
const (
	maxCount     = 100_000_000
	maxEndpoints = 100_000
	maxPublisher = 1024
	maxRate      = 1_000_000
	maxDuration  = time.Hour
	maxRuns      = 99
)

// check replaces zero values by their defaults and rejects invalid options.
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

// Result is the result of a run, as --json prints it. Figures that could not be read (a remote
// target, a system without /proc) are null.
type Result struct {
	Raw   Raw         `json:"raw"`
	Relay RelayResult `json:"relay"`
	// Ratio is Relay's deliveries per second divided by the raw ceiling's requests per second; null
	// without a ceiling.
	Ratio *float64 `json:"ratio"`
}

// Raw is the result of the raw ceiling.
type Raw struct {
	PerSecond float64 `json:"perSecond"` // requests answered per second

	// cpu is the processor time per request, loop and receiver, in µs; zero means unknown.
	cpu float64
}

// RelayResult is the result of Relay.
type RelayResult struct {
	PerSecond         float64 `json:"perSecond"`         // deliveries per second, from the first publish to the last arrival
	AcceptedPerSecond float64 `json:"acceptedPerSecond"` // events per second, from the first publish to the last 202

	// Time from publishing to arrival at Options.Rate; null if not measured.
	RatePerSecond int      `json:"ratePerSecond"`
	P50Ms         *float64 `json:"p50Ms"`
	P99Ms         *float64 `json:"p99Ms"`
	P999Ms        *float64 `json:"p999Ms"`

	CPUMicrosPerDelivery *float64 `json:"cpuMicrosPerDelivery"` // user and system, until the log is written and Relay is quiet
	// The same for publisher, relay and receiver together, and per request for the raw loop and the
	// receiver. Unlike the ratio, these figures hardly change when others use the machine.
	AllCPUMicrosPerDelivery *float64 `json:"allCpuMicrosPerDelivery"`
	RawCPUMicrosPerRequest  *float64 `json:"rawCpuMicrosPerRequest"`
	WrittenBytesPerDelivery *float64 `json:"writtenBytesPerDelivery"` // that the process caused to be written
	KeptBytesPerDelivery    *float64 `json:"keptBytesPerDelivery"`    // in the data folder after Relay has stopped
	RSSMB                   *float64 `json:"rssMB"`                   // the maximum, MiB
	RSSAfterMB              *float64 `json:"rssAfterMB"`              // after Relay is quiet again, MiB

	Events      int   `json:"events"`      // accepted in the burst
	Deliveries  int   `json:"deliveries"`  // owed to healthy endpoints in the burst
	Delivered   int64 `json:"delivered"`   // deliveries that arrived
	Duplicates  int64 `json:"duplicates"`  // deliveries that arrived again
	Connections int64 `json:"connections"` // opened to the receiver during the burst

	// Queries of the store for deliveries that had to wait, and the share of them that found none;
	// null without queries.
	Claims      int64    `json:"claims"`
	EmptyClaims *float64 `json:"emptyClaims"`
}

// Run runs one scenario according to the options.
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
