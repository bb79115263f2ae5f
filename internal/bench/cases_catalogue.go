package bench

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// caseCatalogue measures the cost of checking events against their schemas. It publishes events of
// the catalogue's types alternately in the modes "off" and "warn" on one relay, so that other work
// on the machine affects both.
func caseCatalogue(ctx context.Context, l *lab) ([]Row, error) {
	o := *l.o
	o.Count, o.EventSize, o.Endpoints, o.FanOut, o.Publish, o.Array, o.Concurrency = l.scaled(50_000), 1024, 1, false, PublishArray, 100, 8
	changed := *l
	changed.o = &o

	fitting, violating := endpoint(0), endpoint(1)
	var fit, spoilt, endToEnd turns
	err := changed.on(ctx, func(ctx context.Context, s *server) error {
		// The bench's events are those of call.completed, so they fit its schema and violate the
		// other one.
		for typ, to := range map[string]address{"call.completed": fitting, "notification.attempted": violating} {
			if err := s.patch(ctx, "/v1/event-types/"+typ, fmt.Sprintf(`{"aliases":["%s.%s"]}`, l.prefix, to[:])); err != nil {
				return err
			}
		}
		byTurns := func(t *turns, once func(mode string) (speed, error)) error {
			for range l.o.Runs {
				var pair [2]speed
				for i, mode := range []string{"off", "warn"} {
					err := s.patch(ctx, "/v1/catalogue", `{"validation":"`+mode+`"}`)
					if err == nil {
						pair[i], err = once(mode)
					}
					if err != nil {
						return err
					}
				}
				t.add(pair)
			}
			return nil
		}
		err := byTurns(&fit, func(mode string) (speed, error) { return changed.store(ctx, s, mode+", fitting", fitting) })
		if err == nil {
			err = byTurns(&spoilt, func(mode string) (speed, error) { return changed.store(ctx, s, mode+", violating", violating) })
		}
		if err != nil {
			return err
		}
		p := changed.plain(1) // its webhook wants the fitting events
		if err := changed.prepare(ctx, s, &p); err != nil {
			return err
		}
		return byTurns(&endToEnd, func(string) (v speed, err error) {
			var res RelayResult
			if err = changed.reset(ctx); err == nil {
				err = changed.burst(ctx, s, &p, &res)
			}
			v.perSecond = res.PerSecond
			if cpu := res.CPUMicrosPerDelivery; cpu != nil {
				v.cpu = *cpu
			}
			return v, err
		})
	})
	l.folders, l.running = changed.folders, changed.running
	if err != nil {
		return nil, err
	}
	rows := []Row{
		fit.row("events that fit their schema, checked (warn), stored", .85),
		endToEnd.row("same, delivered to 1 endpoint", .85),
		spoilt.row("events of which each violates it, checked, stored", .25),
	}
	if scale := l.scaleNote(o.Count); scale != "" {
		rows[0].Note += "; " + scale
	}
	return rows, nil
}

// speed is the speed of publishing.
type speed struct {
	perSecond float64
	cpu       float64 // processor time of the relay per event, µs; zero means unknown
}

// turns holds alternating measurements without and with the checks.
type turns struct {
	ratios        []float64
	without, with []speed
}

func (t *turns) add(pair [2]speed) {
	t.ratios = append(t.ratios, pair[1].perSecond/pair[0].perSecond)
	t.without, t.with = append(t.without, pair[0]), append(t.with, pair[1])
}

func (t *turns) row(what string, target float64) Row {
	r := atLeast(what, median(t.ratios), "of unchecked", target, 0)
	mid := func(list []speed, f func(speed) float64) string {
		var values []float64
		for _, s := range list {
			values = append(values, f(s))
		}
		return short(digits(median(values)))
	}
	rate, cpu := func(s speed) float64 { return s.perSecond }, func(s speed) float64 { return s.cpu }
	r.Note = fmt.Sprintf("%s/s beside %s/s, median of %d; processor %s µs beside %s µs",
		mid(t.with, rate), mid(t.without, rate), len(t.with), mid(t.with, cpu), mid(t.without, cpu))
	return r
}

// store publishes Options.Count events that no webhook wants.
func (l *lab) store(ctx context.Context, s *server, what string, to address) (speed, error) {
	done, finish := l.bars.start(what, l.o.Count)
	defer finish()
	before, start := s.process.usage(), time.Now()
	err := s.relay.burst(ctx, l.o, l.o.Count, func(int) address { return to }, done)
	took := time.Since(start)
	if err == nil {
		err = s.process.settle(ctx, quietShare, quietLimit)
	}
	used := s.process.usage().cpu - before.cpu
	n := float64(l.o.Count)
	return speed{perSecond: n / took.Seconds(), cpu: float64(used.Microseconds()) / n}, err
}

// patch changes a resource of the relay.
func (r *relay) patch(ctx context.Context, path, body string) error {
	_, err := r.call(ctx, http.MethodPatch, path, typeJSON, []byte(body), http.StatusOK)
	return err
}
