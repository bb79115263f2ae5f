package doctor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/egress"
)

const (
	// overdueAfter is how long a delivery may be past its due time before that is reported: retries after an outage
	// spread over some minutes.
	overdueAfter = 5 * time.Minute
	// quietAfter is how long nothing may be delivered while attempts are made.
	quietAfter = time.Hour
	// maxWebhooks bounds how many webhooks are read, and maxNamed how many findings name one each.
	maxWebhooks = 5000
	maxNamed    = 20
	// sampled is how many attempts are looked at for the clocks of endpoints.
	sampled = 100
)

// deliveries looks at how webhooks are doing, as the server's API tells it.
func (r *run) deliveries(ctx context.Context, way *egress.Client) {
	switch {
	case !r.reachable:
		r.add(Skipped, "deliveries", r.URL, "the server does not answer", "")
		return
	case r.Client == nil:
		r.add(Skipped, "deliveries", r.URL, "there is no key: webhooks and deliveries are not looked at", "set RELAY_KEY, or run relay login")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	r.overdue(ctx)
	var urls []string
	failing, n := 0, 0
	for w, err := range r.Client.ListWebhooks(ctx, client.ListWebhooksParams{Limit: 250}) {
		if err != nil {
			r.add(Problem, "webhooks", r.URL, "they cannot be read: "+err.Error(), "use a key with the scope read")
			return
		}
		if n++; n > maxWebhooks {
			r.add(Skipped, "webhooks", "", fmt.Sprintf("only the first %d are looked at", maxWebhooks), "")
			break
		}
		if w.Status == "active" {
			urls = append(urls, w.URL)
		}
		if r.webhook(&w, failing < maxNamed) {
			failing++
		}
	}
	switch {
	case failing > maxNamed:
		r.add(Problem, "webhooks", "", fmt.Sprintf("%d webhooks fail", failing), "the dashboard groups what needs attention")
	case failing == 0:
		r.ok("webhooks", "", "none of %d fails", n)
	}
	r.lately(ctx)
	if way != nil {
		r.endpoints(ctx, way, urls)
	}
}

// webhook judges a webhook, and reports whether it fails.
func (r *run) webhook(w *client.Webhook, name bool) bool {
	h := &w.Health
	add := func(level Level, cause, next string) bool {
		if name {
			r.add(level, "webhooks", w.ID+" "+w.URL, cause, next)
		}
		return true
	}
	switch {
	case w.Status == "disabled":
		return add(Problem, "it is disabled: "+h.DisabledReason, "relay webhooks resume "+w.ID+", then relay recover "+w.ID+" --since "+h.FailingSince.UTC().Format(time.RFC3339))
	case w.Status != "active":
		return false
	case h.AuthenticationRejected != nil:
		return add(Problem, h.AuthenticationRejected.Reason, "relay webhooks update "+w.ID+" --auth with the credentials that the endpoint accepts")
	case !h.FailingSince.IsZero():
		return add(Problem, fmt.Sprintf("it has failed for %s, %d times: %s", span(r.Now().Sub(h.FailingSince)), h.Failures, h.LastError), "relay webhooks attempts "+w.ID+" --limit 5")
	}
	return false
}

// overdue reads from the server's metrics whether deliveries are late.
func (r *run) overdue(ctx context.Context) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(r.URL, "/")+"/metrics", nil)
	if err != nil {
		return // askServer has said why
	}
	req.Header.Set("Authorization", "Bearer "+r.Key)
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		r.add(Problem, "metrics", r.URL, err.Error(), "its log says more")
		return
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		r.add(Skipped, "metrics", r.URL, "GET /metrics is answered "+res.Status, "use a key with the scope read")
		return
	}
	lines := bufio.NewScanner(io.LimitReader(res.Body, 16<<20))
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "relay_deliveries_overdue_seconds ")
		if !ok {
			continue
		}
		seconds, err := strconv.ParseFloat(text, 64)
		if late := time.Duration(seconds * float64(time.Second)); err == nil && late > overdueAfter {
			r.add(Problem, "deliveries", r.URL, "the oldest is "+span(late)+" past its time", "relay deliveries list --state waiting shows the reasons; see rate limits, maxConcurrency and maxInFlight")
			return
		}
		r.ok("deliveries", r.URL, "none is overdue")
		return
	}
}

// lately looks at the latest attempts: whether anything arrives, and the clocks of endpoints.
func (r *run) lately(ctx context.Context) {
	list, err := r.attempts(ctx, url.Values{"limit": {strconv.Itoa(sampled)}})
	if err != nil {
		r.add(Problem, "log", r.URL, "it cannot be read: "+err.Error(), "use a key with the scope read")
		return
	}
	if len(list) == 0 {
		r.ok("log", "", "nothing has been sent yet")
		return
	}
	r.endpointClocks(list)
	delivered, err := r.attempts(ctx, url.Values{"limit": {"1"}, "status": {"delivered"}})
	switch latest := list[0].At; {
	case err != nil:
		r.add(Problem, "log", r.URL, "it cannot be read: "+err.Error(), "use a key with the scope read")
	case len(delivered) == 0:
		r.add(Problem, "log", "", fmt.Sprintf("nothing was ever delivered; the latest attempt was %s ago", span(r.Now().Sub(latest))), "relay attempts list --limit 5")
	case latest.Sub(delivered[0].At) > quietAfter:
		r.add(Problem, "log", "", fmt.Sprintf("nothing has been delivered for %s, and the latest attempt was %s ago", span(r.Now().Sub(delivered[0].At)), span(r.Now().Sub(latest))), "relay attempts list --limit 5")
	default:
		r.ok("log", "", "the last delivery was %s ago", span(r.Now().Sub(delivered[0].At)))
	}
}

func (r *run) attempts(ctx context.Context, query url.Values) ([]client.Attempt, error) {
	var page client.Page[client.Attempt]
	err := r.Client.Do(ctx, http.MethodGet, "/v1/attempts", query, nil, &page)
	return page.Data, err
}

// endpointClocks compares the Date of answers with when they came. If most hosts differ in the same way, this
// installation's clock is wrong.
func (r *run) endpointClocks(list []client.Attempt) {
	off := map[string]time.Duration{} // by host: how far its clock is ahead
	for i := range list {
		a := &list[i]
		if a.Response == nil {
			continue
		}
		u, err := url.Parse(a.Request.URL)
		at, dateErr := http.ParseTime(a.Response.Headers["Date"])
		if _, seen := off[u.Host]; err == nil && dateErr == nil && !seen {
			off[u.Host] = at.Sub(a.At)
		}
	}
	var all []time.Duration
	for _, d := range off {
		all = append(all, d)
	}
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	if median := all[len(all)/2]; len(all) >= 3 && median.Abs() > maxClock {
		r.add(Problem, "clock", "", fmt.Sprintf("the server's clock is %s %s those of most endpoints: receivers refuse signatures", span(median), map[bool]string{true: "behind", false: "ahead of"}[median > 0]),
			"synchronize it: timedatectl set-ntp true")
		return
	}
	for host, d := range off {
		if d.Abs() > 4*time.Minute { // receivers accept five
			r.add(Warning, "clock", host, "the endpoint's clock is off by "+span(d)+": it may refuse signatures as too old or too new", "tell its owner")
		}
	}
}

// problemText is what a problem document says.
func problemText(res *http.Response) string {
	var p struct{ Detail string }
	if b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10)); err == nil && json.Unmarshal(b, &p) == nil && p.Detail != "" {
		return p.Detail
	}
	return "status " + res.Status
}
