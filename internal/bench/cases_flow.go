package bench

import (
	"context"
	"fmt"
	"time"
)

// The cases in this file measure how fast events flow.

// with runs the scenario with options changed by f, with the row's sizes scaled, and without the
// open loop.
func (l *lab) with(ctx context.Context, f func(o *Options)) (*Result, error) {
	o := *l.o
	o.Count, o.EventSize, o.Endpoints, o.FanOut, o.Publish, o.Array, o.Concurrency = l.scaled(50_000), 1024, 1, false, PublishArray, 100, 8
	o.Hanging, o.Failing, o.Rate, o.NoRaw = 0, 0, 0, false
	f(&o)
	o.RawCount = l.scaled(50_000)
	changed := *l
	changed.o = &o
	res, err := changed.run(ctx)
	l.folders, l.running = changed.folders, changed.running
	return res, err
}

func (l *lab) note(r *Result) string {
	note := fmt.Sprintf("%s/s of %s/s, median of %d", short(r.Relay.PerSecond), short(r.Raw.PerSecond), l.o.Runs)
	if all, raw := r.Relay.AllCPUMicrosPerDelivery, r.Relay.RawCPUMicrosPerRequest; all != nil && raw != nil {
		note += fmt.Sprintf("; processor %s µs beside %s µs", short(*all), short(*raw))
	}
	if scale := l.scaleNote(r.Relay.Events); scale != "" {
		note += "; " + scale
	}
	return note
}

func caseBurst(ctx context.Context, l *lab) ([]Row, error) {
	r, err := l.with(ctx, func(*Options) {})
	if err != nil {
		return nil, err
	}
	speed := atLeast("burst of 50,000, arrays of 100, 1 endpoint", *r.Ratio, "of raw", .60, 1.0)
	speed.Note = l.note(r)
	rows := []Row{speed}
	if r.Relay.KeptBytesPerDelivery != nil {
		disk := atMost("kept per delivered 1 KB event, log included", *r.Relay.KeptBytesPerDelivery/1024, "KiB", 3, 1.2)
		if r.Relay.WrittenBytesPerDelivery != nil {
			disk.Note = fmt.Sprintf("written: %s KiB", short(*r.Relay.WrittenBytesPerDelivery/1024))
		}
		rows = append(rows, disk)
	}
	return rows, nil
}

func caseSpread(ctx context.Context, l *lab) ([]Row, error) {
	r, err := l.with(ctx, func(o *Options) { o.Endpoints = 100 })
	if err != nil {
		return nil, err
	}
	speed := atLeast("same, 100 endpoints, one each", *r.Ratio, "of raw", .50, .90)
	speed.Note = l.note(r)
	return []Row{speed}, nil
}

func caseSingle(ctx context.Context, l *lab) ([]Row, error) {
	r, err := l.with(ctx, func(o *Options) { o.Publish, o.Concurrency = PublishSingle, 64 })
	if err != nil {
		return nil, err
	}
	speed := atLeast("one event a request, 64 connections", *r.Ratio, "of raw", .35, .70)
	speed.Note = l.note(r)
	return []Row{speed}, nil
}

func caseFanOut(ctx context.Context, l *lab) ([]Row, error) {
	r, err := l.with(ctx, func(o *Options) {
		o.Endpoints, o.FanOut, o.Publish, o.Count = 100, true, PublishSingle, o.Count/100
	})
	if err != nil {
		return nil, err
	}
	speed := atLeast("fan-out: one event to 100 webhooks", *r.Ratio, "of raw", .70, 1.2)
	speed.Note = l.note(r)
	return []Row{speed}, nil
}

// caseLatency measures the open loop at 2,000/s, each time on a fresh relay.
func caseLatency(ctx context.Context, l *lab) ([]Row, error) {
	const rate = 2000
	var p50, p99, p999 []float64
	for range l.o.Runs {
		err := l.on(ctx, func(ctx context.Context, s *server) error {
			p := l.plain(1)
			if err := l.prepare(ctx, s, &p); err != nil {
				return err
			}
			st, _, err := l.openLoop(ctx, s, rate, l.o.Duration, &p)
			p50, p99, p999 = append(p50, ms(st.P50Ns)), append(p99, ms(st.P99Ns)), append(p999, ms(st.P999Ns))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	rows := []Row{
		atMost("publish to arrival at 2,000/s, open loop: p50", median(p50), "ms", 3, 0),
		atMost("p99", median(p99), "ms", 20, 0),
		atMost("p99.9", median(p999), "ms", 100, 0),
	}
	rows[0].Note = fmt.Sprintf("median of %d × %v", l.o.Runs, l.o.Duration)
	return rows, nil
}

// plain lays out n healthy endpoints.
func (l *lab) plain(n int) spread {
	p := spread{all: n}
	for i := range n {
		p.healthy = append(p.healthy, i)
		p.hooks = append(p.hooks, l.hook("e", i, endpoint(i)))
	}
	return p
}

// prepare creates the webhooks and warms up the relay.
func (l *lab) prepare(ctx context.Context, s *server, p *spread) error {
	if err := s.webhooks(ctx, p.hooks); err != nil {
		return err
	}
	return l.warm(ctx, s, p)
}

// caseLone publishes one event at a time on an otherwise idle relay.
func caseLone(ctx context.Context, l *lab) ([]Row, error) {
	const (
		perSecond = 40 // far enough apart for the relay to become idle in between
		seconds   = 5
	)
	var answered, arrived []float64
	for range l.o.Runs {
		err := l.on(ctx, func(ctx context.Context, s *server) error {
			p := l.plain(1)
			if err := l.prepare(ctx, s, &p); err != nil {
				return err
			}
			st, h, err := l.openLoop(ctx, s, perSecond, seconds*time.Second, &p)
			if err != nil {
				return err
			}
			answered, arrived = append(answered, ms(int64(h.quantile(.5)))), append(arrived, ms(st.P50Ns))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return []Row{
		atMost("lone publish on an idle relay: 202, p50", median(answered), "ms", 1, 0),
		atMost("arrival, p50", median(arrived), "ms", 2, 0),
	}, nil
}

// caseStream stores a long stream of events without subscribers.
func caseStream(ctx context.Context, l *lab) ([]Row, error) {
	count := l.scaled(1_000_000)
	var speed, growth float64
	err := l.on(ctx, func(ctx context.Context, s *server) error {
		// A short stream comes first, so that the growth is the stream's and not the program's.
		none := func(int) address { return endpoint(0) }
		if err := s.stream(ctx, 1000, none, func(int) {}); err != nil {
			return err
		}
		s.process.resetPeak()
		before := s.process.usage()
		done, finish := l.bars.start("stream", count)
		start := time.Now()
		err := s.stream(ctx, count, none, done)
		took := time.Since(start)
		finish()
		if err != nil {
			return err
		}
		after := s.process.usage()
		speed, growth = float64(count)/took.Seconds(), mib(after.peak-before.rss)
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows := []Row{atLeast("NDJSON stream of 1,000,000 events, stored", speed, "/s", 50_000, 0)}
	rows[0].Note = l.scaleNote(count)
	if l.o.Target == "" {
		rows = append(rows, atMost("memory growth meanwhile", growth, "MiB", 64, 0))
	}
	return rows, nil
}

// caseIdle measures an idle relay.
func caseIdle(ctx context.Context, l *lab) ([]Row, error) {
	watch := 4 * l.o.Duration
	var before, after usage
	err := l.on(ctx, func(ctx context.Context, s *server) error {
		p := l.plain(1)
		if err := l.prepare(ctx, s, &p); err != nil {
			return err
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		before = s.process.usage()
		_, finish := l.bars.start("idle", 1)
		defer finish()
		err := pause(ctx, watch)
		after = s.process.usage()
		return err
	})
	if err == nil && !(before.known && after.known) {
		err = errUnknown
	}
	if err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("idle: share of a core", 100*float64(after.cpu-before.cpu)/float64(watch), "%", .5, 0),
		atMost("memory", float64(after.rss)/1e6, "MB", 50, 0),
	}
	rows[0].Note = fmt.Sprintf("over %v", watch)
	return rows, nil
}
