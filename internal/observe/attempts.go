package observe

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// attemptsAhead bounds the lines that wait to be written. A log that is slower loses lines, and says
// how many: results must not wait for it.
const attemptsAhead = 4096

// AttemptLog writes a line for each attempt that was recorded, with everything that tells where it
// belongs, how it ended and how long its parts took. Like all of the log it has no bodies, no URLs
// and no words of endpoints.
type AttemptLog struct {
	log     *slog.Logger
	webhook func(number uint32) (id string)
	lines   chan attemptLine
	lost    atomic.Int64
	stop    chan struct{} // closed by Close
	ended   chan struct{} // closed when the last line is written
}

// attemptLine is what a line says of an attempt, which may be large.
type attemptLine struct {
	id, event, batch      event.ID
	delivery              event.DeliveryID
	tenant                event.TenantID
	eventType             string
	number, status        int
	outcome               delivery.Outcome
	kind                  string
	test                  bool
	at, next              time.Time
	total, dns, dial, tls time.Duration
	firstByte             time.Duration
	replySize             int64
}

// NewAttemptLog returns an AttemptLog that has begun to write. webhook returns the id of a webhook,
// empty if it is gone.
func NewAttemptLog(log *slog.Logger, webhook func(number uint32) string) *AttemptLog {
	l := &AttemptLog{
		log: log, webhook: webhook, lines: make(chan attemptLine, attemptsAhead), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go l.run()
	return l
}

// Attempts takes attempts, for delivery.Engine.CountBy. It never waits.
func (l *AttemptLog) Attempts(list []*delivery.Attempt) {
	for _, a := range list {
		if !a.Outcome.IsAttempt() {
			continue
		}
		line := attemptLine{
			id: a.ID, event: a.Event, delivery: a.Delivery(), tenant: a.Tenant, eventType: a.EventType, number: a.Number,
			outcome: a.Outcome, kind: string(a.ErrorKind), test: a.Test, at: a.At, next: a.NextAt,
			total: a.Timing.Total, dns: a.Timing.DNS, dial: a.Timing.Connect, tls: a.Timing.TLS, firstByte: a.Timing.FirstByte,
		}
		if a.Batch != nil {
			line.batch = a.Batch.ID
		}
		if a.Response != nil {
			line.status, line.replySize = a.Response.Status, a.Response.BodyBytes
		}
		select {
		case l.lines <- line:
		default:
			l.lost.Add(1)
		}
	}
}

// Close writes the lines that wait. Attempts that are handed in later are dropped.
func (l *AttemptLog) Close() {
	close(l.stop)
	<-l.ended
}

func (l *AttemptLog) run() {
	defer close(l.ended)
	for {
		select {
		case line := <-l.lines:
			l.write(&line)
		case <-l.stop:
			for {
				select {
				case line := <-l.lines:
					l.write(&line)
				default:
					return
				}
			}
		}
	}
}

func (l *AttemptLog) write(a *attemptLine) {
	if n := l.lost.Swap(0); n > 0 {
		l.log.Warn("the log is too slow for lines about attempts", "lost", n)
	}
	attrs := make([]slog.Attr, 0, 20)
	attrs = append(attrs,
		slog.Int("tenant", int(a.tenant)),
		slog.String("webhook", l.webhook(a.delivery.Webhook)),
		slog.String("attempt", a.id.Public(event.AttemptPrefix)),
		slog.String("delivery", a.delivery.String()),
		slog.String("event", a.event.Public(event.EventPrefix)),
		slog.String("type", a.eventType),
		slog.Int("number", a.number),
		slog.String("outcome", a.outcome.String()),
		slog.Time("at", a.at),
		slog.Float64("ms", milliseconds(a.total)),
	)
	text := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	part := func(name string, d time.Duration) {
		if d != 0 {
			attrs = append(attrs, slog.Float64(name, milliseconds(d)))
		}
	}
	if a.status != 0 {
		attrs = append(attrs, slog.Int("status", a.status), slog.Int64("answerBytes", a.replySize))
	}
	text("kind", a.kind)
	part("dnsMs", a.dns)
	part("connectMs", a.dial)
	part("tlsMs", a.tls)
	part("firstByteMs", a.firstByte)
	if a.batch != 0 {
		text("batch", a.batch.Public(event.BatchPrefix))
	}
	if !a.next.IsZero() {
		attrs = append(attrs, slog.Time("next", a.next))
	}
	if a.test {
		attrs = append(attrs, slog.Bool("test", true))
	}
	l.log.LogAttrs(context.Background(), slog.LevelInfo, "attempt", attrs...)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
