package postgres

import (
	"errors"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/logentry"
)

// detailVersion is the first byte of the column attempt.detail; the second are
// the flags of package logentry, and then comes its detail.
const detailVersion = 1

// statusFollower in the column status marks an attempt whose request is in
// that of another delivery: lists and counters pass it over.
const statusFollower = -1

// errDetail is returned for bytes that are no detail of a known version.
var errDetail = errors.New("the log holds an attempt of an unknown format")

// appendDetail appends the parts that the other columns of attempt do not hold.
func appendDetail(b []byte, a *delivery.Attempt) []byte {
	return logentry.AppendDetail(append(b, detailVersion, logentry.Flags(a)), a)
}

// attemptRow is a row of the table attempt.
type attemptRow struct {
	id, webhook, event, at, total int64
	tenant                        int32
	outcome                       int16
	status                        *int32
	eventType                     string
	detail                        []byte // valid only until the next row
}

// attempt makes the attempt of a row. It shares no memory with the row.
func (r *attemptRow) attempt() (*delivery.Attempt, error) {
	if len(r.detail) < 2 || r.detail[0] != detailVersion {
		return nil, errDetail
	}
	a := &delivery.Attempt{
		ID: event.ID(r.id), Tenant: event.TenantID(r.tenant), Event: event.ID(r.event), Webhook: uint32(r.webhook),
		At: time.UnixMilli(r.at).UTC(), Outcome: delivery.Outcome(r.outcome), EventType: r.eventType,
	}
	d := logentry.NewTextDecoder(r.detail, 2)
	d.Detail(a, r.detail[1])
	if !d.Whole() {
		return nil, errDetail
	}
	a.Timing.Total = time.Duration(r.total) * time.Microsecond
	if a.Response != nil && r.status != nil {
		a.Response.Status = int(*r.status)
	}
	return a, nil
}
