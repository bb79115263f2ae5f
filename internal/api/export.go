package api

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/csvcell"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// Media types of exports.
const (
	csvType   = "text/csv; charset=utf-8; header=present"
	linesType = "application/x-ndjson"
)

// export is the answer with a list of any length. It begins with the first bytes of the list, so that what fails before
// that is a problem document.
type export struct {
	w     http.ResponseWriter
	name  string // of the file
	kind  string // its media type
	mark  bool   // a byte order mark comes first
	begun bool
}

// Write implements io.Writer.
func (o *export) Write(b []byte) (int, error) {
	if !o.begun {
		o.begun = true
		h := o.w.Header()
		h.Set("Content-Type", o.kind)
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", o.name))
		o.w.WriteHeader(http.StatusOK)
		if o.mark {
			if _, err := io.WriteString(o.w, "\ufeff"); err != nil {
				return 0, err
			}
		}
	}
	return o.w.Write(b)
}

// export notes in the audit log that somebody exports a list, and writes it. write reads the list in pieces, each within a
// turn, and writes between the turns, since a client may read as slowly as it likes.
func (a *API) export(r *http.Request, c *access.Principal, out *export, action string, write func(turn func() (leave func(), err error)) error) error {
	entry, err := c.Entry(action, nil, struct {
		Query string `json:"query"`
	}{rest.Clip(r.URL.RawQuery)})
	if err != nil {
		return err
	}
	if err := a.Audit.AuditAppend(r.Context(), entry); err != nil {
		return fmt.Errorf("noting an export: %w", err)
	}
	err = write(func() (leave func(), err error) {
		if out.begun { // an export under way is not cut off because others search
			return a.Searches.wait(r.Context(), c.Tenant)
		}
		return a.Searches.Enter(r.Context(), c.Tenant)
	})
	if err != nil && out.begun {
		// The status is sent: only cutting the connection tells that the export is not whole.
		if r.Context().Err() == nil {
			a.Log.ErrorContext(r.Context(), "an export was cut off", "request", web.RequestID(out.w), "err", err)
		}
		panic(http.ErrAbortHandler)
	}
	return err
}

var docAuditExport = rest.Doc{ID: "exportAudit", Tag: "Audit", Summary: "Export changes",
	Text: "All entries that the filters select, the newest first, of any length: as lines of JSON, each like an entry of the list, or as CSV (UTF-8, RFC 4180 with plain line feeds, a line of names first). " +
		"In CSV, what a spreadsheet would take for a formula gets an apostrophe before it. An export that ends early was cut off: its last line has no line end. The export itself is an entry of the log.",
	Answer: linesType}

type auditExportQuery struct {
	auditFilter
	Format string `query:"format" enum:"ndjson,csv" default:"\"ndjson\"" doc:"lines of JSON, or CSV"`
}

// auditExportPage is how many entries an export holds in memory: each may show 64 KiB before and after a change.
const auditExportPage = 50

func (a *API) auditExportRoute() rest.Route {
	return rest.Raw[auditExportQuery, rest.None](a.face, "GET /v1/audit/export", access.ViewAudit, docAuditExport, func(w http.ResponseWriter, r *http.Request, c *access.Principal, in *auditExportQuery) error {
		q, err := in.query(c)
		if err != nil {
			return err
		}
		out := &export{w: w, name: "audit." + in.Format, kind: linesType}
		line := auditLine(out)
		if in.Format == "csv" {
			out.kind, line = csvType, auditCells(out)
		}
		return a.export(r, c, out, "audit.export", func(turn func() (func(), error)) error {
			q.Limit = auditExportPage
			for {
				leave, err := turn()
				if err != nil {
					return err
				}
				list, next, err := a.Audit.AuditList(r.Context(), q)
				leave()
				if err != nil {
					return err
				}
				if err = line(list); err == nil {
					err = web.Flush(w)
				}
				if err != nil {
					return fmt.Errorf("writing an export: %w", err)
				}
				if q.Before = next; next == 0 {
					return nil
				}
			}
		})
	})
}

// auditLine returns a function that writes entries as lines of JSON.
func auditLine(out io.Writer) func([]access.Entry) error {
	return func(list []access.Entry) error {
		if len(list) == 0 {
			_, err := out.Write(nil) // begins an empty answer
			return err
		}
		for i := range list {
			b, err := json.Marshal(showEntry(&list[i]))
			if err == nil {
				_, err = out.Write(append(b, '\n'))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// auditCells returns a function that writes entries as CSV.
func auditCells(out io.Writer) func([]access.Entry) error {
	w := csv.NewWriter(out)
	named := false
	return func(list []access.Entry) error {
		if !named {
			named = true
			if err := w.Write([]string{"id", "at", "actor.kind", "actor.id", "actor.name", "action", "target.type", "target.id", "target.name", "before", "after", "request.id", "request.address", "request.userAgent"}); err != nil {
				return err
			}
		}
		for i := range list {
			e := showEntry(&list[i])
			var t AuditTarget
			if len(e.Targets) > 0 {
				t = e.Targets[0]
			}
			cells := []string{e.ID, string(format.AppendTime(nil, time.Time(e.At))), e.Actor.Kind, e.Actor.ID, e.Actor.Name, e.Action,
				t.Type, t.ID, t.Name, string(e.Before), string(e.After), e.Request.ID, e.Request.Address, e.Request.UserAgent}
			for n := range cells {
				cells[n] = csvcell.Text(cells[n])
			}
			if err := w.Write(cells); err != nil {
				return err
			}
		}
		w.Flush()
		return w.Error()
	}
}
