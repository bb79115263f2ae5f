package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// audienceConnector is a partner that takes a hundred members a request, as most do that take several.
const audienceConnector = `connector: bench
version: 1.0.0
kind: list
name: Bench
partnerNumber: 2001
connection: {url: {type: url}}
externalId: {use: required}
identifiers: {anyOf: [partnerIds], required: true, max: 1}
item: {member: "${payload.partnerIds[0]}", tier: "${payload.audienceVariables.?tier.orValue('basic')}"}
aggregate: {maxProfiles: 100, maxWait: 1s}
add: {method: PUT, url: "${connection.url}", body: {members: "${items}"}}
remove: {method: POST, url: "${connection.url}", body: {members: "${items}"}}
tests: [{name: a, payload: {partnerIds: [m], partnerAudienceId: A}, expect: {body: {members: [{member: m, tier: basic}]}}}]
`

// caseAudience imports 100,000 profiles into an audience that is attached to two connections, and waits until both partners
// have all of them.
func caseAudience(ctx context.Context, l *lab) ([]Row, error) {
	count := l.scaled(100_000)
	var stored, synced, memory []float64
	for range l.o.Runs {
		err := l.on(ctx, func(ctx context.Context, s *server) error {
			if err := s.process.settle(ctx, quietShare, quietLimit); err != nil {
				return err
			}
			before := s.process.usage()
			s.process.resetPeak()
			took, all, err := l.audience(ctx, s, count)
			if err != nil {
				return err
			}
			after := s.process.usage()
			stored, synced = append(stored, float64(count)/took.Seconds()), append(synced, 2*float64(count)/all.Seconds())
			if before.known && after.known {
				memory = append(memory, float64(after.peak-before.rss)/(1<<20))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	rows := []Row{
		atLeast(fmt.Sprintf("%s profiles × 2 connections, 100 a request: synced", short(float64(count))), median(synced), "profiles/s", 3000, 0),
		atLeast("the same: imported", median(stored), "profiles/s", 2000, 0),
	}
	if len(memory) > 0 {
		rows = append(rows, atMost("the same: resident memory above idle", median(memory), "MiB", 64, 0))
	}
	rows[0].Note = fmt.Sprintf("from the start of the import until both partners have all; median of %d", l.o.Runs)
	return rows, nil
}

// audience returns how long the import took, and how long until both partners had all profiles.
func (l *lab) audience(ctx context.Context, s *server, count int) (stored, synced time.Duration, err error) {
	call := func(method, path string, body any, want int, out any) {
		if err != nil {
			return
		}
		var text, answer []byte
		if body != nil {
			if text, err = json.Marshal(body); err != nil {
				return
			}
		}
		if answer, err = s.call(ctx, method, path, typeJSON, text, want); err == nil && out != nil {
			err = json.Unmarshal(answer, out)
		}
		if err != nil {
			err = fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	call(http.MethodPost, "/v1/connectors", map[string]string{"document": audienceConnector}, http.StatusCreated, nil)
	call(http.MethodPatch, "/v1/connectors/bench", map[string]string{"version": "1.0.0", "state": "live"}, http.StatusOK, nil)
	call(http.MethodPost, "/v1/audiences", map[string]any{"number": 101, "name": "Bench"}, http.StatusCreated, nil)
	var attachments []string
	for i := range 2 {
		var made struct{ ID string }
		call(http.MethodPost, "/v1/connections", map[string]any{
			"connector": "bench", "name": fmt.Sprint("bench ", i), "fields": map[string]string{"url": fmt.Sprintf("http://%s/e/%d", l.addr, i)},
		}, http.StatusCreated, &made)
		call(http.MethodPost, "/v1/audiences/101/attachments", map[string]string{"connection": made.ID, "externalId": "A"}, http.StatusCreated, &made)
		attachments = append(attachments, made.ID)
	}
	var job struct {
		ID, State string
		Rejected  int64
	}
	call(http.MethodPost, "/v1/audiences/101/imports", map[string]string{"mode": "add"}, http.StatusCreated, &job)
	path := "/v1/audiences/101/imports/" + job.ID
	const part = 5000
	for first := 0; first < count && err == nil; first += part {
		var text strings.Builder
		for i := first; i < min(first+part, count); i++ {
			fmt.Fprintf(&text, `{"profileId":"profile-%08d","partnerIds":{"2001":["crm-%08d"]},"variables":{"tier":"gold","country":"DK"}}`+"\n", i, i)
		}
		call(http.MethodPost, path+"/rows", map[string]any{"line": first + 1, "text": text.String()}, http.StatusNoContent, nil)
	}
	start := time.Now()
	call(http.MethodPost, path+"/start", map[string]bool{"force": false}, http.StatusAccepted, &job)
	done, finish := l.bars.start("bringing profiles to two partners", 2*count)
	defer finish()
	shown := 0
	var all time.Duration
	for err == nil {
		if stored == 0 {
			if call(http.MethodGet, path, nil, http.StatusOK, &job); err == nil && job.State != "running" {
				if stored = time.Since(start); job.State != "done" || job.Rejected > 0 {
					return 0, 0, fmt.Errorf("the import is %s with %d rows left out", job.State, job.Rejected)
				}
			}
		}
		there := 0
		for _, id := range attachments {
			var count struct{ States map[string]int }
			call(http.MethodGet, "/v1/audiences/101/attachments/"+id+"/counts", nil, http.StatusOK, &count)
			if n := count.States["rejected"] + count.States["skipped"]; n > 0 {
				return 0, 0, fmt.Errorf("%d profiles were not taken", n)
			}
			there += count.States["synced"]
		}
		done(there - shown)
		if shown = there; there == 2*count && all == 0 {
			all = time.Since(start)
		}
		if all > 0 && stored > 0 {
			return stored, all, nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
	return 0, 0, err
}
