package journey

import (
	"fmt"

	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/event"
)

// reference is a place of a document that names something outside of it.
type reference struct {
	definition.Fault       // where, without a reason
	audience         int64 // 0: a connection
	connection       string
	externalID       string
	external         definition.Fault // where the External ID is, or is missing
}

// Check reads a document that somebody writes, and returns its mistakes: those of the document itself, else the names in it that
// lead nowhere.
func (j *Journeys) Check(tenant event.TenantID, text string) (*Definition, definition.Faults) {
	d, err := Parse(text)
	if err != nil {
		if faults, ok := err.(definition.Faults); ok { //nolint:errorlint // Parse returns it as it is
			return nil, faults
		}
		return nil, definition.Faults{{Line: 1, Column: 1, Reason: err.Error()}}
	}
	var faults definition.Faults
	for i := range d.references {
		if f := j.follow(tenant, &d.references[i]); f != nil && len(faults) < definition.MaxFaults {
			faults = append(faults, *f)
		}
	}
	return d, faults
}

// follow says what is wrong with a reference, nil if it leads to something.
func (j *Journeys) follow(tenant event.TenantID, r *reference) *definition.Fault {
	f := r.Fault
	if r.audience != 0 {
		if _, err := j.audiences.Audience(tenant, r.audience); err == nil {
			return nil
		}
		f.Reason = fmt.Sprintf("names an audience that is not there: %d", r.audience)
		return &f
	}
	con, err := j.connectors.Connection(tenant, r.connection)
	if err != nil {
		f.Reason = fmt.Sprintf("names a connection that is not there: %q", definition.Clip(r.connection))
		return &f
	}
	d, err := j.connectors.DefinitionOf(tenant, &con.Value)
	if err != nil {
		f.Reason = "names a connection whose connector is not there"
		return &f
	}
	f = r.external
	if f.Reason = d.CheckExternalID(r.externalID); f.Reason == "" {
		return nil
	}
	return &f
}
