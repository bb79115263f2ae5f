package delivery_test

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/webhook"
)

// strayEvents is how many events TestStrayAnswers sends to each of the two webhooks of each receiver; make strays sends
// 5,000, which is 10,000 deliveries.
var strayEvents = flag.Int("strays", 250, "events to each webhook of a receiver that sends more than its answer")

// TestStrayAnswers delivers to two webhooks on one host and port whose receiver sends more than its answer, at once or
// later: each delivery is delivered with one attempt, and its log has the answer that was given to it.
func TestStrayAnswers(t *testing.T) {
	const stray = "HTTP/1.1 418 Stray\r\nX-For: nobody\r\nContent-Length: 5\r\n\r\nstray"
	const ok = "HTTP/1.1 %s\r\nX-For: %s\r\nContent-Length: 2\r\n\r\nok"
	for _, tc := range []struct {
		name   string
		answer string // with the status and whom it is for
		status [2]string
		after  time.Duration
		more   string
	}{
		{"204 with a body", "HTTP/1.1 %s\r\nX-For: %s\r\n\r\nok", [2]string{"204 No Content", "204 Nothing"}, 0, ""},
		{"204 with a body later", "HTTP/1.1 %s\r\nX-For: %s\r\nContent-Length: 2\r\n\r\n", [2]string{"204 No Content", "204 Nothing"}, 3 * time.Millisecond, "ok"},
		{"second answer after 5 ms", ok, [2]string{"200 OK", "202 Accepted"}, 5 * time.Millisecond, stray},
		{"second answer after 20 ms", ok, [2]string{"200 OK", "202 Accepted"}, 20 * time.Millisecond, stray},
		{"second answer after 100 ms", ok, [2]string{"200 OK", "202 Accepted"}, 100 * time.Millisecond, stray},
		{"more than announced", ok + "and more", [2]string{"200 OK", "202 Accepted"}, 0, ""},
		{"more than announced, later", ok, [2]string{"201 Created", "202 Accepted"}, 2 * time.Millisecond, "and more"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			var conns sync.WaitGroup
			conns.Go(func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					conns.Go(func() {
						<-stop
						c.Close()
					})
					conns.Go(func() {
						in := bufio.NewReader(c)
						for {
							req, err := http.ReadRequest(in)
							if err != nil {
								c.Close()
								return
							}
							if _, err := io.Copy(io.Discard, req.Body); err != nil {
								c.Close()
								return
							}
							status := tc.status[0]
							if req.URL.Path == "/two" {
								status = tc.status[1]
							}
							fmt.Fprintf(c, tc.answer, status, req.URL.Path+" "+req.Header.Get("Webhook-Id"))
							if tc.more != "" {
								conns.Go(func() {
									select {
									case <-time.After(tc.after):
										io.WriteString(c, tc.more) //nolint:errcheck // the other end may be gone
									case <-stop:
									}
								})
							}
						}
					})
				}
			})
			defer conns.Wait()
			defer close(stop)
			defer l.Close()

			sender := egress.New(egress.Options{Dev: true})
			defer sender.Close()
			r := newRig(t)
			r.sender = sender
			r.start()
			defer r.end()
			var hooks [2]*webhook.Webhook
			for i, path := range []string{"/one", "/two"} {
				hooks[i] = r.webhook(&endpoint{url: "http://" + l.Addr().String() + path}, func(s *webhook.Settings) {
					s.Signature = webhook.SignStandard
					s.Retry = webhook.Retry{Attempts: 1}
				})
			}
			n := *strayEvents
			for sent := 0; sent < n; {
				var raw []string
				for ; sent < n && len(raw) < 50; sent++ {
					raw = append(raw, fmt.Sprintf(`{"type":"a.b","data":{"n":%d}}`, sent))
				}
				r.publish(raw...)
				// In turns, so that connections are idle, and there to be used again, again and again.
				for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
					if s := r.engine.Snapshot(); s.Outcomes[1]+s.Outcomes[2]+s.Outcomes[3] >= int64(2*sent) && s.InFlight == 0 {
						break
					}
				}
			}
			for i, w := range hooks {
				list := r.attempts(w)
				for deadline := time.Now().Add(time.Minute); len(list) < n && time.Now().Before(deadline); list = r.attempts(w) {
					time.Sleep(10 * time.Millisecond) // the last ones are still being recorded
				}
				if len(list) != n {
					t.Errorf("%s: got %d attempts, want %d", w.URL, len(list), n)
				}
				bad := 0
				for _, a := range list {
					whose := ""
					if a.Response != nil {
						for _, f := range a.Response.Header {
							if f.Name == "X-For" {
								whose = f.Value
							}
						}
					}
					want := []string{"/one", "/two"}[i] + " " + a.Delivery().String()
					if a.Outcome == delivery.Delivered && whose == want && a.Response != nil && strings.HasPrefix(tc.status[i], fmt.Sprint(a.Response.Status)) {
						continue
					}
					if bad++; bad <= 3 {
						t.Errorf("%s: got %s, %q, the answer for %q, want %q", w.URL, a.Outcome, a.Error, whose, want)
					}
				}
				if bad > 3 {
					t.Errorf("%s: so did %d of %d", w.URL, bad, n)
				}
			}
		})
	}
}
