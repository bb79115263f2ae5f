package bench

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Limits of one measurement, so that a stalled relay ends the bench with a message.
const (
	measureLimit = 15 * time.Minute
	quietLimit   = 20 * time.Second
	quietShare   = 0.02 // of a core
)

// run measures the ceiling and the scenario alternately and returns the run with the median ratio.
func (l *lab) run(ctx context.Context) (*Result, error) {
	var results []*Result
	for i := range l.o.Runs {
		r, err := l.once(ctx)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		ceiling := ""
		if r.Ratio != nil {
			ceiling = fmt.Sprintf(" of a raw ceiling of %.0f: %.2f", r.Raw.PerSecond, *r.Ratio)
		}
		l.logf("run %d of %d: %.0f deliveries/s%s", i+1, l.o.Runs, r.Relay.PerSecond, ceiling)
	}
	slices.SortFunc(results, func(a, b *Result) int { return cmp.Compare(a.figure(), b.figure()) })
	return results[(len(results)-1)/2], nil
}

// figure returns the figure by which runs are compared.
func (r *Result) figure() float64 {
	if r.Ratio != nil {
		return *r.Ratio
	}
	return r.Relay.PerSecond
}

// once performs one run.
func (l *lab) once(ctx context.Context) (_ *Result, err error) {
	var res Result
	if !l.o.NoRaw {
		if res.Raw, err = l.raw(ctx, l.o.RawCount, l.o.Endpoints); err != nil {
			return nil, err
		}
	}
	var kept int64
	var dir string
	err = l.on(ctx, func(ctx context.Context, s *server) error {
		dir = s.dir
		kept, err = l.measure(ctx, s, &res.Relay)
		return err
	})
	if err != nil {
		return nil, err
	}
	if dir != "" {
		after, err := l.kept(ctx, dir, false)
		if err != nil {
			return nil, err
		}
		res.Relay.KeptBytesPerDelivery = known(float64(after-kept) / float64(res.Relay.Deliveries))
	}
	if res.Raw.PerSecond > 0 {
		res.Ratio = known(res.Relay.PerSecond / res.Raw.PerSecond)
		if res.Raw.cpu > 0 {
			res.Relay.RawCPUMicrosPerRequest = known(res.Raw.cpu)
		}
	}
	return &res, nil
}

// known returns a figure that is not null, rounded to four digits, which is the precision of a
// bench.
func known(v float64) *float64 {
	v = digits(v)
	return &v
}

// digits rounds to four significant digits, by way of decimals, so that the result prints with four
// digits.
func digits(v float64) float64 {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64) // the formatted text always parses
	return r
}

// spread is the layout of a scenario's endpoints.
type spread struct {
	hooks   []hook
	healthy []int // endpoints that answer
	all     int
	fanOut  bool
}

// spread lays out the endpoints: first the hanging ones, then the failing ones, then the healthy
// ones.
func (l *lab) spread() spread {
	o := l.o
	hanging := int(math.Round(o.Hanging * float64(o.Endpoints)))
	failing := int(math.Round(o.Failing * float64(o.Endpoints)))
	p := spread{all: o.Endpoints, fanOut: o.FanOut}
	for i := range o.Endpoints {
		behaviour := "e"
		switch {
		case i < hanging:
			behaviour = "hang"
		case i < hanging+failing:
			behaviour = "fail"
		default:
			p.healthy = append(p.healthy, i)
		}
		p.hooks = append(p.hooks, l.hook(behaviour, i, endpoint(i), group(0)))
	}
	return p
}

// to returns the address of the i-th event.
func (p *spread) to(i int) address {
	if p.fanOut {
		return group(0)
	}
	return endpoint(i % p.all)
}

// owed returns the number of deliveries that the first n events owe to healthy endpoints.
func (p *spread) owed(n int) int {
	if p.fanOut {
		return n * len(p.healthy)
	}
	rounds, rest := n/p.all, n%p.all
	sum := rounds * len(p.healthy)
	for _, h := range p.healthy {
		if h < rest {
			sum++
		}
	}
	return sum
}

// measure runs the burst and the open loop against a relay and fills in the results. kept is the
// size of the data folder before.
func (l *lab) measure(ctx context.Context, s *server, res *RelayResult) (kept int64, err error) {
	p := l.spread()
	if len(p.healthy) == 0 {
		return 0, fmt.Errorf("of %d endpoints none is healthy", p.all)
	}
	if err := s.webhooks(ctx, p.hooks); err != nil {
		return 0, err
	}
	if err := l.warm(ctx, s, &p); err != nil {
		return 0, err
	}
	if s.process != nil {
		if kept, err = l.kept(ctx, s.dir, true); err != nil {
			return 0, err
		}
	}
	if err := l.burst(ctx, s, &p, res); err != nil {
		return kept, err
	}
	if l.o.Rate > 0 {
		if err := l.latency(ctx, s, &p, res); err != nil {
			return kept, err
		}
	}
	return kept, s.claims(ctx, res)
}

// warm uses each connection and code path once, as the raw loop does with its 64 connections,
// because the bench does not measure how long a start takes.
func (l *lab) warm(ctx context.Context, s *server, p *spread) error {
	if err := l.reset(ctx); err != nil {
		return err
	}
	n := max(1, min(200, 2*p.all))
	if p.fanOut {
		n = 2
	}
	one := *l.o
	one.Publish, one.Concurrency = PublishSingle, 8
	if err := s.burst(ctx, &one, n, p.to, func(int) {}); err != nil {
		return err
	}
	st, err := l.wait(ctx, p.owed(n), false, time.Minute)
	if err == nil {
		err = checkArrived(st, p.owed(n))
	}
	if err == nil && s.process != nil {
		err = s.process.settle(ctx, quietShare, 3*time.Second)
	}
	if err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	return l.reset(ctx)
}

// burst publishes Options.Count events as fast as possible.
func (l *lab) burst(ctx context.Context, s *server, p *spread, res *RelayResult) error {
	res.Events, res.Deliveries = l.o.Count, p.owed(l.o.Count)
	s.process.resetPeak()
	before := s.process.usage()
	others, _ := l.ownCPU()
	done, finish := l.bars.start("burst", l.o.Count)
	start := time.Now()
	err := s.burst(ctx, l.o, l.o.Count, p.to, done)
	accepted := time.Since(start)
	finish()
	if err != nil {
		return err
	}
	st, err := l.wait(ctx, res.Deliveries, false, measureLimit/3)
	if err != nil {
		return err
	}
	if err := checkArrived(st, res.Deliveries); err != nil {
		return err
	}
	took := time.Duration(st.LastAt - start.UnixNano())
	res.Delivered = st.Delivered
	res.PerSecond = digits(float64(res.Deliveries) / took.Seconds())
	res.AcceptedPerSecond = digits(float64(res.Events) / accepted.Seconds())

	othersAfter, othersKnown := l.ownCPU()
	// The log is written asynchronously; it is part of the cost of a delivery.
	if s.process != nil {
		if err := s.process.settle(ctx, quietShare, quietLimit); err != nil {
			return err
		}
	}
	after := s.process.usage()
	if st, err = l.stats(ctx); err != nil {
		return err
	}
	res.Duplicates, res.Connections = st.Duplicates, st.Conns
	if err := checkArrived(st, res.Deliveries); err != nil {
		return err
	}
	if before.known && after.known {
		n := float64(res.Deliveries)
		res.CPUMicrosPerDelivery = known(float64((after.cpu - before.cpu).Microseconds()) / n)
		if othersKnown {
			res.AllCPUMicrosPerDelivery = known(float64((after.cpu - before.cpu + othersAfter - others).Microseconds()) / n)
		}
		res.WrittenBytesPerDelivery = known(float64(after.written-before.written) / n)
		res.RSSMB = known(mib(after.peak))
		res.RSSAfterMB = known(mib(after.rss))
	}
	return nil
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// latency publishes at Options.Rate and fills in the times from publishing to arrival.
func (l *lab) latency(ctx context.Context, s *server, p *spread, res *RelayResult) error {
	st, _, err := l.openLoop(ctx, s, float64(l.o.Rate), l.o.Duration, p)
	if err != nil {
		return err
	}
	res.RatePerSecond = l.o.Rate
	res.P50Ms, res.P99Ms, res.P999Ms = known(ms(st.P50Ns)), known(ms(st.P99Ns)), known(ms(st.P999Ns))
	return nil
}

// openLoop publishes at a rate for a time, waits until all events have arrived, and returns the
// receiver's counts and the times to the 202.
func (l *lab) openLoop(ctx context.Context, s *server, rate float64, d time.Duration, p *spread) (Stats, *histogram, error) {
	if err := l.reset(ctx); err != nil {
		return Stats{}, nil, err
	}
	_, finish := l.bars.start(fmt.Sprintf("open loop, %.0f/s", rate), int(rate*d.Seconds()))
	defer finish()
	answered := new(histogram)
	n, err := s.open(ctx, rate, d, p.to, answered)
	if err != nil {
		return Stats{}, nil, err
	}
	st, err := l.wait(ctx, p.owed(n), false, time.Minute)
	if err == nil {
		err = checkArrived(st, p.owed(n))
	}
	if err != nil {
		return st, nil, fmt.Errorf("at %.0f events a second: %w", rate, err)
	}
	return st, answered, nil
}
