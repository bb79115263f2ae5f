package delivery

import (
	"context"
	"testing"
	"time"

	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// acceptor is a client whose requests are all accepted.
type acceptor struct{ res exchange.Response }

func (f *acceptor) Do(context.Context, *egress.Request) (*exchange.Response, exchange.Timing, *egress.Error) {
	return &f.res, exchange.Timing{Total: time.Millisecond}, nil
}

// BenchmarkSend measures an attempt without its transport: body, header, signature, log entry.
func BenchmarkSend(b *testing.B) {
	c := egress.New(egress.Options{Dev: true})
	defer c.Close()
	target, err := c.ParseURL("http://127.0.0.1:9000/hook")
	if err != nil {
		b.Fatal(err)
	}
	for name, headers := range map[string]map[string]string{"plain": nil, "headers": {"X-A": "1", "X-B": "2"}} {
		b.Run(name, func(b *testing.B) {
			w := &webhook.Webhook{Number: 7, Tenant: 1, ID: "wh_1", Settings: webhook.Default(), Status: webhook.Active, Target: target}
			w.URL, w.Headers = target.String(), headers
			w.Secrets.Current = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
			e := &Engine{destinations: httpdest.Table(httpdest.Options{Client: &acceptor{exchange.Response{Status: 200}}, UserAgent: "Relay/test"})}
			e.clock.init(nil)
			e.claiming, e.working = context.Background(), context.Background()
			ep := e.open(w, nil)
			ev := &event.Event{ID: 1 << 40, Tenant: 1, Type: "call.completed", Data: []byte(`{"ccid":"1002","n":1}`), Time: time.Now()}
			b.ReportAllocs()
			for b.Loop() {
				m := newMessage(w, ev, 1)
				a, _, how := e.send(e.working, ep, m)
				if how != endDone || a.Outcome != Delivered {
					b.Fatal(how, a.Error)
				}
				m.free()
			}
		})
	}
}
