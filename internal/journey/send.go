package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
)

// sourceName is what events of connections call this package.
const sourceName = "journey"

// audienceInput changes nothing of a profile.
var audienceInput audience.Input

// address returns the numbers of a connection's payload.
func (j *Journeys) address(tenant event.TenantID, connection string) (site, partner int64, err error) {
	con, err := j.connectors.Connection(tenant, connection)
	if err != nil {
		return 0, 0, fmt.Errorf("the connection %q is not there", problem.Clip(connection))
	}
	d, err := j.connectors.DefinitionOf(tenant, &con.Value)
	if err != nil {
		return 0, 0, fmt.Errorf("the connector of %q is not there", problem.Clip(connection))
	}
	return con.Value.SiteNumber, j.connectors.PartnerNumberOf(d.Definition, &con.Value), nil
}

// hand gives sends to the engine, and notes that. Those that it has already are stored once.
func (j *Journeys) hand(ctx context.Context, list []*Send) error {
	byTenant := make(map[event.TenantID][]*Send)
	for _, s := range list {
		if s.State == SendNew {
			byTenant[s.Tenant] = append(byTenant[s.Tenant], s)
		}
	}
	for tenant, list := range byTenant {
		if err := j.handTenant(ctx, tenant, list); errors.Is(err, problem.ErrUnavailable) || ctx.Err() != nil {
			return err
		} else if err != nil { // others are not held up
			j.log.ErrorContext(ctx, "sends of journeys were not handed over, trying again", "tenant", tenant, "error", err)
		}
	}
	return nil
}

func (j *Journeys) handTenant(ctx context.Context, tenant event.TenantID, list []*Send) error {
	for part := range slices.Chunk(list, page) {
		var items []ingest.Item
		var ids []string
		for _, s := range part {
			ref, err := json.Marshal(s.ID)
			if err != nil {
				return fmt.Errorf("writing a reference: %w", err)
			}
			items, ids = append(items, connector.Event(tenant, s.Connection, sourceName, ref, "j"+s.ID)), append(ids, s.ID)
		}
		if err := j.connectors.Publish(ctx, tenant, items); err != nil {
			return err
		}
		events := make([]event.ID, len(items))
		for i := range items {
			events[i] = items[i].Event.ID
		}
		if err := j.store.SendHanded(ctx, tenant, ids, events); err != nil {
			return err
		}
	}
	return nil
}

// handOver gives sends to the engine that their maker has not: a crash came between.
func (j *Journeys) handOver(ctx context.Context) error {
	before := j.now()
	if j.shared {
		before = before.Add(-handAgain)
	}
	list, err := j.store.SendNewList(ctx, before, page)
	if err != nil || len(list) == 0 {
		return err
	}
	var sends []*Send
	for i := range list {
		sends = append(sends, &list[i])
	}
	if len(list) == page {
		j.wake() // there may be more
	}
	return j.hand(ctx, sends)
}

var _ connector.Source = (*Journeys)(nil)

// Open implements connector.Source.
func (j *Journeys) Open(ctx context.Context, tenant event.TenantID, refs [][]byte) ([]*connector.Sending, error) {
	out := make([]*connector.Sending, len(refs))
	var ids []string
	for i, raw := range refs {
		out[i] = &connector.Sending{Ref: raw, Settled: "it is no longer wanted"}
		var id string
		if json.Unmarshal(raw, &id) != nil || !strings.HasPrefix(id, "snd_") {
			out[i].Settled = "internal error: data of an event of a journey"
			continue
		}
		out[i].Note = id
		ids = append(ids, id)
	}
	list, err := j.store.SendGet(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*Send)
	var profiles []string
	for i := range list {
		byID[list[i].ID] = &list[i]
		profiles = append(profiles, list[i].Profile)
	}
	seen, err := j.look(ctx, tenant, profiles)
	if err != nil {
		return nil, err
	}
	var gone []Send
	for _, x := range out {
		id, _ := x.Note.(string)
		s := byID[id]
		if s == nil {
			continue
		}
		why := ""
		if s.State.ended() {
			x.Settled = "it has ended: " + string(s.State)
			continue
		}
		if why, err = j.unwanted(ctx, s, seen[s.Profile]); err != nil {
			return nil, err
		}
		if why != "" {
			x.Settled = why
			s.State, s.Words = SendCanceled, why
			gone = append(gone, *s)
			continue
		}
		x.Settled = ""
		x.Profile = connector.Profile{Operation: connector.Operation(s.Operation), Test: seen[s.Profile].profile.Test, SendID: s.ID}
		if x.Profile.Payload, err = connector.ParsePayload(s.Payload); err != nil {
			return nil, err
		}
	}
	return out, j.endSends(ctx, tenant, gone)
}

// unwanted says why a send that has not begun is not made after all. What events bring is in the row already: see Begin.
func (j *Journeys) unwanted(ctx context.Context, s *Send, see *sight) (string, error) {
	if see.profile.Erasing {
		return "the profile is being erased", nil
	}
	if s.State == Sending || s.Operation == string(connector.Leave) {
		return "", nil
	}
	if see.profile.DoNotContact {
		return "the profile must not be contacted", nil
	}
	e, ok, err := j.store.EnrolmentGet(ctx, s.Tenant, s.Enrolment)
	if err != nil || !ok || e.State.Ended() {
		return "", err // one that came to its end has made its sends
	}
	d := j.definition(&e)
	if d == nil || len(d.Exit) == 0 {
		return "", nil
	}
	w, err := j.world(ctx, &e, d, see)
	if err != nil {
		return "", err
	}
	return d.exitNow(&e, w), nil
}

// Begin implements connector.Source. A send whose enrolment has left was canceled in the transaction of the exit: whichever of
// the two comes second finds what the first has done.
func (j *Journeys) Begin(ctx context.Context, tenant event.TenantID, list []*connector.Sending) error {
	var ids []string
	for _, x := range list {
		ids = append(ids, x.Note.(string))
	}
	may, err := j.store.SendBegin(ctx, tenant, ids)
	if err != nil {
		return err
	}
	for _, x := range list {
		if !slices.Contains(may, x.Note.(string)) {
			x.Settled = "the profile has left the journey"
		}
	}
	return nil
}

// End implements connector.Source.
func (j *Journeys) End(ctx context.Context, tenant event.TenantID, list []*connector.Sending) error {
	var ended []Send
	for _, x := range list {
		id, ok := x.Note.(string)
		if !ok {
			continue
		}
		s := Send{Tenant: tenant, ID: id, State: SendRejected, Words: x.Words}
		switch {
		case x.Verdict == connector.Delivered:
			s.State = SendDelivered
		case x.Skipped:
			s.State = SendSkipped
		}
		ended = append(ended, s)
	}
	return j.endSends(ctx, tenant, ended)
}

func (j *Journeys) endSends(ctx context.Context, tenant event.TenantID, ended []Send) error {
	if len(ended) == 0 {
		return nil
	}
	err := j.store.SendEnd(ctx, tenant, ended, j.now())
	j.wake()
	return err
}

// MayDelete implements connector.Source.
func (j *Journeys) MayDelete(tenant event.TenantID, connection string) error {
	for _, it := range j.records.List(tenant) {
		for i := range it.Value.Versions {
			for _, s := range it.Value.Versions[i].def.byName {
				if s.Connection == connection {
					return problem.New(problem.Conflict, "the journey %s sends by it", it.Name)
				}
			}
		}
	}
	return nil
}
