package dashboard

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/csvcell"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// logExportPage is how many attempts an export holds in memory: each may show some 64 KiB of its answer.
const logExportPage = 100

var logExportHead = []string{"time", "outcome", "status", "error", "event", "eventId", "webhookId", "url", "attempt", "milliseconds", "test", "attemptId"}

// logExport is the log as a file of CSV, with the filters of the page. It reads in pieces, each within a turn, and writes
// between the turns, since a browser may read as slowly as it likes.
func (d *Dashboard) logExport(ctx context.Context, q *request) (answer, error) {
	v := logView{}
	v.read(q)
	query, wrong := d.logQuery(q, &v, q.URL.Query())
	if wrong != "" {
		return answer{}, problem.New(problem.Invalid, "%s", wrong)
	}
	query.Before, query.Limit = 0, logExportPage
	first, next, err := d.logPiece(ctx, q, query)
	if err != nil {
		return answer{}, err
	}
	entry, err := q.who.Entry("attempts.export", nil, struct {
		Query string `json:"query"`
	}{clip(q.URL.RawQuery, 500)})
	if err == nil {
		err = d.Audit.AuditAppend(ctx, entry)
	}
	if err != nil {
		return answer{}, fmt.Errorf("noting an export: %w", err)
	}
	return answer{stream: func(w http.ResponseWriter) {
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "log-"+d.now().UTC().Format("2006-01-02")+".csv"))
		h.Set("Cache-Control", "no-store")
		out := csv.NewWriter(w)
		err := out.Write(logExportHead)
		for list := first; err == nil; {
			if err = d.writeAttempts(out, q, list); err == nil {
				err = web.Flush(w)
			}
			if query.Before = next; next == 0 || err != nil {
				break
			}
			list, next, err = d.logPiece(ctx, q, query)
		}
		if err != nil { // only cutting the connection tells that the file is not whole
			if ctx.Err() == nil {
				d.Log.ErrorContext(ctx, "an export was cut off", "request", q.id, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}

// logPiece reads a piece of the log within a turn.
func (d *Dashboard) logPiece(ctx context.Context, q *request, query delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	leave, err := d.Searches.Enter(ctx, q.who.Tenant)
	if err != nil {
		return nil, 0, err
	}
	defer leave()
	list, next, err := d.Ledger.Attempts(ctx, query)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the log: %w", err)
	}
	return list, next, nil
}

func (d *Dashboard) writeAttempts(out *csv.Writer, q *request, list []*delivery.Attempt) error {
	for _, v := range d.showAttempts(list) {
		status := ""
		if v.Response != nil {
			status = strconv.Itoa(v.Response.Status)
		}
		eventID, hook, url := v.EventName, "", v.Request.URL
		if eventID == "" {
			eventID = v.Event.Public(event.EventPrefix)
		}
		if v.Hook != nil {
			hook = v.Hook.ID
			if v.Hook.Owner != "" && !q.who.Allows(access.Configure) {
				url = v.Host // the rest is a setting of an administrator's
			}
		}
		cells := []string{v.At.UTC().Format(time.RFC3339Nano), v.Outcome.String(), status, v.Error, v.EventType, eventID, hook, url,
			strconv.Itoa(v.Number), strconv.FormatInt(v.Timing.Total.Milliseconds(), 10), strconv.FormatBool(v.Test), v.PublicID}
		for i := range cells {
			cells[i] = csvcell.Text(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
