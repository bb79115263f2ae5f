package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A server that is stopped does not wait for a stream that is currently silent, nor treat it as a
// failure: events sent so far are stored and answered.
func TestStopEndsStreams(t *testing.T) {
	for name, sent := range map[string]string{
		"after a line":     `{"type":"a.b","data":1}` + "\n",
		"within a line":    `{"type":"a.b","da`,
		"after some lines": strings.Repeat(`{"type":"a.b","data":1}`+"\n", 50),
		"before a line":    "",
	} {
		t.Run(name, func(t *testing.T) {
			a := run(t, settings(t))
			r, w := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+"/v1/events", r)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+adminKey)
			req.Header.Set("Content-Type", "application/x-ndjson")
			answered := make(chan string, 1)
			go func() {
				defer close(answered)
				res, err := httpClient(t).Do(req)
				if err != nil {
					return
				}
				defer res.Body.Close()
				for lines := bufio.NewScanner(res.Body); lines.Scan(); {
					answered <- lines.Text()
				}
			}()
			if _, err := io.WriteString(w, sent); err != nil {
				t.Fatal(err)
			}
			accepted := fmt.Sprintf("relay_events_accepted_total %d\n", strings.Count(sent, "\n"))
			if sent == "" {
				accepted = "relay_events_accepted_total 0\n"
			}
			until(t, func() bool { return strings.Contains(string(call(t, a, "GET", "/metrics", "")), accepted) })
			const limit = 20 * time.Second
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			begun := time.Now()
			if err := a.Stop(ctx); err != nil {
				t.Errorf("stopping: %v", err)
			}
			if took := time.Since(begun); took > limit/2 {
				t.Errorf("stopping took %v of %v", took, limit)
			}
			w.Close()
			n := 0
			for line := range answered {
				if strings.Contains(line, `"accepted":`) && !strings.Contains(line, `"accepted":0`) || strings.Contains(line, "evt_") {
					n++
				}
			}
			if want := strings.Count(sent, "\n"); n < min(want, 1) {
				t.Errorf("got %d answers that tell of an event, want some for %d events", n, want)
			}
		})
	}
}
