package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/store/sqlite"
)

// The cases in this file measure work that does not flow freely: many endpoints, hanging endpoints,
// a deep backlog.

// caseWide publishes one event to 10,000 webhooks.
func caseWide(ctx context.Context, l *lab) ([]Row, error) {
	count := l.scaled(10_000)
	var accepted, attempted []float64
	err := l.on(ctx, func(ctx context.Context, s *server) error {
		p := spread{all: count, fanOut: true}
		for i := range count {
			p.healthy = append(p.healthy, i)
			p.hooks = append(p.hooks, l.hook("e", i, group(0)))
		}
		if err := s.webhooks(ctx, p.hooks); err != nil {
			return err
		}
		for range l.o.Runs {
			if err := s.process.settle(ctx, quietShare, quietLimit); err != nil {
				return err
			}
			if err := l.reset(ctx); err != nil {
				return err
			}
			start := time.Now()
			if err := s.publish(ctx, s.put(nil, group(0), start.UnixNano())); err != nil {
				return err
			}
			answered := time.Since(start)
			st, err := l.wait(ctx, count, true, time.Minute)
			if err != nil {
				return err
			}
			if err := checkArrived(st, count); err != nil {
				return err
			}
			accepted = append(accepted, ms(int64(answered)))
			attempted = append(attempted, ms(st.LastAt-start.UnixNano())/1000)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("10,000 webhooks, one event to all: 202", median(accepted), "ms", 50, 0),
		atMost("all attempted", median(attempted), "s", 3, 0),
	}
	rows[0].Note = l.scaleNote(count)
	return rows, nil
}

// caseHanging measures the effect of 1,000 hanging endpoints on 100 healthy ones. The events for
// the hanging endpoints are published in both measurements; in the first one they have no
// subscribers yet, so that hanging is the only difference.
func caseHanging(ctx context.Context, l *lab) ([]Row, error) {
	const rate = 500 // events per second to the healthy endpoints, and as many to the others
	healthy, hanging := 100, l.scaled(1000)
	var lonely, beside []float64
	var peak usage
	var hung int64
	err := l.on(ctx, func(ctx context.Context, s *server) (err error) {
		p := l.plain(healthy)
		if err := l.prepare(ctx, s, &p); err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		fed := make(chan error, 1)
		go func() {
			_, err := s.open(ctx, rate, measureLimit, func(i int) address { return endpoint(healthy + i%hanging) }, nil)
			cancel()
			fed <- err
		}()
		defer func() {
			cancel()
			if fedErr := <-fed; !errors.Is(fedErr, context.Canceled) {
				err = errors.Join(fedErr, err)
			}
		}()
		for range l.o.Runs {
			st, _, err := l.openLoop(ctx, s, rate, l.o.Duration, &p)
			if err != nil {
				return err
			}
			lonely = append(lonely, ms(st.P99Ns))
		}
		var hooks []hook
		for i := range hanging {
			hooks = append(hooks, l.hook("hang", i, endpoint(healthy+i)))
		}
		if err := s.webhooks(ctx, hooks); err != nil {
			return err
		}
		// Until each of them holds its first request, and the first requests have timed out.
		if err := pause(ctx, hangTime+2*time.Second); err != nil {
			return err
		}
		for range l.o.Runs {
			st, _, err := l.openLoop(ctx, s, rate, l.o.Duration, &p)
			if err != nil {
				return err
			}
			beside = append(beside, ms(st.P99Ns))
			hung += st.Hung
		}
		peak = s.process.usage()
		return nil
	})
	if err == nil && !peak.known {
		err = errUnknown
	}
	if err != nil {
		return nil, err
	}
	alone, with := median(lonely), median(beside)
	rows := []Row{
		atMost("1,000 endpoints hanging 10 s beside 100 healthy at 500/s: healthy p99", with/alone, "× lonely", 1.2, 0),
		atMost("memory", mib(peak.peak), "MiB", 200, 0),
	}
	rows[0].Note = fmt.Sprintf("%s ms beside %s ms, median of %d × %v; %d requests hung %s", short(with), short(alone), l.o.Runs, l.o.Duration, hung, l.scaleNote(hanging))
	return rows, nil
}

// caseBacklog creates a million pending deliveries to ten hanging endpoints, measures the relay,
// kills it and starts it again.
func caseBacklog(ctx context.Context, l *lab) ([]Row, error) {
	const (
		hanging = 10
		rate    = 100 // fresh events per second to a healthy endpoint
	)
	count := l.scaled(1_000_000) / hanging
	var first, again usage
	var fresh Stats
	var ready time.Duration
	key := adminKey()
	dir := l.folder()
	s, err := l.startIn(ctx, dir, key)
	if err != nil {
		return nil, err
	}
	p := l.plain(1)
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		if err := l.prepare(ctx, s, &p); err != nil {
			return err
		}
		var hooks []hook
		for i := range hanging {
			hooks = append(hooks, l.hook("hang", i, group(1)))
		}
		if err := s.webhooks(ctx, hooks); err != nil {
			return err
		}
		done, finish := l.bars.start("owing", count)
		err := s.stream(ctx, count, func(int) address { return group(1) }, done)
		finish()
		if err != nil {
			return err
		}
		// Everything is stored; deliveries that do not fit into memory are being written to the
		// store.
		if err := s.process.settle(ctx, .1, 2*time.Minute); err != nil {
			return err
		}
		if fresh, _, err = l.openLoop(ctx, s, rate, l.o.Duration, &p); err != nil {
			return err
		}
		first = s.process.usage()
		return nil
	})
	s.kill() // a crash, not a stop, so the relay writes nothing before it ends
	if err != nil {
		return nil, err
	}

	if s, err = l.startIn(ctx, dir, key); err != nil {
		return nil, err
	}
	ready = s.ready
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		// Not openLoop, because deliveries in flight at the kill are legitimately repeated, and
		// would be counted.
		if err := l.reset(ctx); err != nil {
			return err
		}
		n, err := s.open(ctx, rate, time.Second, p.to, nil)
		if err != nil {
			return err
		}
		st, err := l.wait(ctx, n, false, time.Minute)
		if err != nil {
			return err
		}
		if st.Delivered < int64(n) {
			return fmt.Errorf("after the restart %d events arrived, want %d", st.Delivered, n)
		}
		again = s.process.usage()
		return nil
	})
	s.kill()
	if err == nil && !(first.known && again.known) {
		err = errUnknown
	}
	if err != nil {
		return nil, err
	}

	owed, open, claim, err := claims(ctx, dir)
	if err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("1,000,000 deliveries owed: memory", mib(first.peak), "MiB", 200, 0),
		atMost("claiming 64 of them, p99", ms(int64(claim.quantile(.99))), "ms", 5, 0),
		atMost("fresh event to a healthy endpoint, p99", ms(fresh.P99Ns), "ms", 100, 0),
		atMost("restart with 1,000,000 owed: ready", ready.Seconds(), "s", 2, .5),
	}
	rows[0].Note = fmt.Sprintf("at the end %d put aside, the others of %d events in memory", owed, open)
	rows[1].Note = fmt.Sprintf("p50 %s ms, in the store itself", short(ms(int64(claim.quantile(.5)))))
	rows[3].Note = fmt.Sprintf("after a kill; memory after it %s MiB", short(mib(again.peak)))
	return rows, nil
}

// claims opens the store of a relay that has ended and measures claims as the engine makes them: a
// page at a time, each settled afterwards. owed is the number of owed deliveries. open is the
// number of events in open intakes, whose deliveries are not in the store's list.
func claims(ctx context.Context, dir string) (owed int64, open int, h *histogram, err error) {
	const pages, page = 1000, 64
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return 0, 0, nil, err
	}
	defer store.Close()
	owed = store.OwedCount()
	err = store.IntakeOpen(ctx, func(in delivery.Intake) error { open += len(in.Events); return nil })
	if err != nil {
		return 0, 0, nil, err
	}
	list, err := store.OwedSummaries(ctx)
	if err != nil {
		return 0, 0, nil, err
	}
	list = slices.DeleteFunc(list, func(s delivery.OwedSummary) bool { return s.Count == 0 })
	if len(list) == 0 {
		return 0, 0, nil, fmt.Errorf("no deliveries are owed, want about a million")
	}
	h = new(histogram)
	now := time.Now().Add(24 * time.Hour) // retries that are not due yet should be claimed as well
	for i := range pages {
		start := time.Now()
		claimed, err := store.OwedClaim(ctx, list[i%len(list)].Webhook, now, page)
		h.add(time.Since(start))
		if err != nil {
			return 0, 0, nil, err
		}
		if len(claimed) == 0 {
			continue
		}
		if err := store.Record(ctx, &delivery.Record{Settle: claimed}); err != nil {
			return 0, 0, nil, err
		}
	}
	return owed, open, h, nil
}

// caseRamp takes the only endpoint down and queues deliveries for it. It then measures how Relay
// returns to the endpoint, which has a capacity of gateRate requests per second, and how busy the
// relay is during the outage.
func caseRamp(ctx context.Context, l *lab) ([]Row, error) {
	const down = 10 * time.Second
	count := l.scaled(9_000)
	s, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	var share, first, rate, refused float64
	err = s.watched(ctx, func(ctx context.Context, s *server) error {
		gate := func(open bool) error {
			_, err := l.ask(ctx, fmt.Sprintf("/_gate?open=%t", open), requestTime)
			return err
		}
		if err := gate(false); err != nil {
			return err
		}
		if err := s.webhooks(ctx, []hook{l.hook("gate", 1, group(1))}); err != nil {
			return err
		}
		done, finish := l.bars.start("owing", count)
		err := s.stream(ctx, count, func(int) address { return group(1) }, done)
		finish()
		if err != nil {
			return err
		}
		before := s.process.usage()
		if err := pause(ctx, down); err != nil {
			return err
		}
		after := s.process.usage()
		if !before.known || !after.known {
			return errUnknown
		}
		share = 100 * (after.cpu - before.cpu).Seconds() / down.Seconds()

		// The clock starts with the first delivery, because a probe may be due at any moment.
		if err := gate(true); err != nil {
			return err
		}
		if _, err = l.wait(ctx, 1, false, time.Minute); err != nil {
			return err
		}
		start := time.Now()
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		st, err := l.stats(ctx)
		if err != nil {
			return err
		}
		first = float64(st.Delivered + st.Failed)
		// Deliveries that failed in the outage wait for their own time, which can be longer than
		// this.
		want := count * 9 / 10
		if st, err = l.wait(ctx, want, false, 5*time.Minute); err != nil {
			return err
		}
		if st.Delivered < int64(want) {
			return fmt.Errorf("after the outage %d deliveries arrived, want %d", st.Delivered, want)
		}
		rate = float64(st.Delivered) / time.Since(start).Seconds() / gateRate
		refused = 100 * float64(st.Failed) / float64(st.Delivered+st.Failed)
		return nil
	})
	if err = errors.Join(err, s.stop(ctx)); err != nil {
		return nil, err
	}
	rows := []Row{
		atMost("all receivers down: share of a core", share, "%", 50, 0),
		atMost("back again: requests in the first second", first, "", 10, 0),
		atMost("refused while ramping", refused, "%", 10, 0),
		atLeast("catches up at, of its capacity", rate, "", .8, 0),
	}
	rows[3].Note = fmt.Sprintf("capacity %d/s, %d owed %s", gateRate, count, l.scaleNote(count))
	return rows, nil
}
