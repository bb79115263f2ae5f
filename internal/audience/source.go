package audience

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// reference is what an event says of a row. It holds nothing about the person.
type reference struct {
	Audience   int64  `json:"audience"`
	Attachment string `json:"attachment"`
	Profile    string `json:"profile"`
	Entry      int64  `json:"entry,omitempty"`
	Turn       int64  `json:"turn"`
}

var _ connector.Source = (*Audiences)(nil)

// note is what a Sending carries of its row.
type note struct {
	ref reference
	op  connector.Operation
}

// Open implements connector.Source.
func (a *Audiences) Open(ctx context.Context, tenant event.TenantID, refs [][]byte) ([]*connector.Sending, error) {
	out := make([]*connector.Sending, len(refs))
	var opened []*reference
	for i, raw := range refs {
		out[i] = &connector.Sending{Ref: raw}
		n := &note{}
		if err := json.Unmarshal(raw, &n.ref); err != nil {
			out[i].Settled = "internal error: data of an event of an audience"
			continue
		}
		out[i].Note = n
		opened = append(opened, &n.ref)
	}
	rows, profiles, err := a.rows(ctx, tenant, opened)
	if err != nil {
		return nil, err
	}
	targets := make(map[string]*target)
	var paused, gone []*reference
	for _, s := range out {
		n, ok := s.Note.(*note)
		if !ok {
			continue
		}
		row, p := rows[n.ref.key()], profiles[n.ref.Profile]
		if row == nil || p == nil {
			s.Settled = "it is no longer wanted"
			continue
		}
		if n.op, s.Settled = row.Sync.Opened(n.ref.Turn); s.Settled != "" {
			continue
		}
		t, known := targets[n.ref.Attachment]
		if !known {
			if t, err = a.target(ctx, tenant, n.ref.Audience, n.ref.Attachment); err != nil {
				return nil, err
			}
			targets[n.ref.Attachment] = t
		}
		switch {
		case t.attachment == nil:
			s.Settled = "the audience is no longer attached"
			gone = append(gone, &n.ref)
			continue
		case t.connection == nil:
			s.Settled = "the connection was deleted"
			continue
		case t.attachment.Paused:
			s.Settled = "the attachment is paused"
			paused = append(paused, &n.ref)
			continue
		}
		s.Profile = connector.Profile{Payload: a.payload(t, p), Operation: n.op, Test: p.Test, SendID: n.ref.sendID()}
		if row.Frozen != nil {
			if s.Profile.Payload, err = connector.ParsePayload(row.Frozen); err != nil {
				return nil, err
			}
		}
	}
	err = a.editRows(ctx, tenant, paused, nil, func(ref *reference, r *Row) {
		if r.Sync.Turn == ref.Turn && r.Sync.State != SendingState {
			r.Sync.Turn = 0 // another one is given when it goes on
		}
	})
	if err == nil {
		err = a.editRows(ctx, tenant, gone, nil, func(_ *reference, r *Row) { r.Sync.forget() })
	}
	return out, err
}

// sendID is the id of a turn, the same in each attempt.
func (r *reference) sendID() string {
	text := r.Profile + "/" + strconv.FormatInt(r.Entry, 10) + "/" + strconv.FormatInt(r.Turn, 10)
	return fmt.Sprintf("snd_%s_%s", r.Attachment[len("att_"):], hashOf([]byte(text))[:32])
}

func hashOf(item []byte) string {
	h := sha256.Sum256(item)
	return hex.EncodeToString(h[:])
}

// target returns an attachment and what it is sent by; the parts that are not there are nil.
func (a *Audiences) target(ctx context.Context, tenant event.TenantID, number int64, id string) (*target, error) {
	t := &target{number: number, attachment: a.attachment(tenant, number, id)}
	if t.attachment == nil { // another server may have made it a moment ago
		if err := a.Refresh(ctx); err != nil {
			return nil, err
		}
		if t.attachment = a.attachment(tenant, number, id); t.attachment == nil {
			return t, nil
		}
	}
	var err error
	if t.it, err = a.Audience(tenant, number); err != nil {
		return nil, err
	}
	con, err := a.connectors.Connection(tenant, t.attachment.Connection)
	if err != nil {
		return t, nil
	}
	d, err := a.connectors.DefinitionOf(tenant, &con.Value)
	if err != nil {
		return nil, err
	}
	t.connection, t.definition = con, d.Definition
	return t, nil
}

func unique(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

// editRows changes rows in one transaction, with the task, and publishes the events of turns that they have got by that.
// Rows that are not there are passed over.
func (a *Audiences) editRows(ctx context.Context, tenant event.TenantID, refs []*reference, task *Task, edit func(*reference, *Row)) error {
	if len(refs) == 0 && task == nil {
		return nil
	}
	return a.write(ctx, tenant, "noting what was sent", func() (*Change, []*Row, error) {
		all, profiles, err := a.rows(ctx, tenant, refs)
		if err != nil {
			return nil, nil, err
		}
		before := make(map[*Row]Sync)
		var rows, publish []*Row
		for _, ref := range refs {
			row := all[ref.key()]
			if row == nil {
				continue
			}
			if _, twice := before[row]; !twice {
				before[row] = row.Sync
				rows = append(rows, row)
			}
			edit(ref, row)
		}
		c := &Change{Tenant: tenant, Task: task}
		erasing := make(map[string]bool)
		for _, row := range rows {
			if row.Sync == before[row] {
				continue
			}
			if p := profiles[row.Profile]; p != nil && p.Erasing {
				erasing[p.ID] = true
			}
			if c.put(row); row.Sync.Turn != 0 && row.Sync.Turn != before[row].Turn {
				publish = append(publish, row)
			}
		}
		return c, publish, a.finishErasing(ctx, tenant, c, erasing)
	})
}

// rows reads rows and their profiles, by their keys and ids.
func (a *Audiences) rows(ctx context.Context, tenant event.TenantID, refs []*reference) (map[Key]*Row, map[string]*Profile, error) {
	keys := make(map[Key]bool)
	for _, r := range refs {
		keys[r.key()] = true
	}
	list, profiles, err := a.store.SyncGet(ctx, tenant, slices.SortedFunc(maps.Keys(keys), func(x, y Key) int {
		return cmp.Or(strings.Compare(x.Profile, y.Profile), strings.Compare(x.Attachment, y.Attachment), cmp.Compare(x.Entry, y.Entry))
	}))
	rows, byID := make(map[Key]*Row), make(map[string]*Profile)
	for i := range list {
		rows[list[i].key()] = &list[i]
	}
	for i := range profiles {
		byID[profiles[i].ID] = &profiles[i]
	}
	return rows, byID, err
}

func (r *reference) key() Key { return Key{r.Attachment, r.Profile, r.Entry} }

func (r *Row) key() Key { return Key{r.Attachment, r.Profile, r.Entry} }

// finishErasing adds to a change the erasure of those profiles of which nothing is on its way after it.
func (a *Audiences) finishErasing(ctx context.Context, tenant event.TenantID, c *Change, ids map[string]bool) error {
	if len(ids) == 0 {
		return nil
	}
	all, err := a.standings(ctx, tenant, slices.Sorted(maps.Keys(ids)))
	if err != nil {
		return err
	}
	for _, list := range [][]*Row{c.Rows, c.Gone} {
		for _, r := range list {
			if s := all[r.Profile]; s != nil {
				if old := s.row(r.Attachment, r.Entry); old != nil {
					old.Sync = r.Sync
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if !all[id].waiting() {
			c.Erase = append(c.Erase, id)
		}
	}
	return nil
}

// Begin implements connector.Source.
func (a *Audiences) Begin(ctx context.Context, tenant event.TenantID, list []*connector.Sending) error {
	by, refs := byReference(list)
	at := now()
	for _, s := range list {
		s.Settled = "it is no longer wanted" // unless its row is found
	}
	return a.editRows(ctx, tenant, refs, nil, func(ref *reference, r *Row) {
		s := by[ref]
		s.Settled = r.Sync.Begin(ref.Turn, s.Note.(*note).op, hashOf(s.Item), at)
	})
}

// End implements connector.Source.
func (a *Audiences) End(ctx context.Context, tenant event.TenantID, list []*connector.Sending) error {
	by, refs := byReference(list)
	at := now()
	return a.editRows(ctx, tenant, refs, nil, func(ref *reference, r *Row) {
		s := by[ref]
		r.Sync.End(ref.Turn, s.Verdict, s.Skipped, s.Words, at)
	})
}

func byReference(list []*connector.Sending) (map[*reference]*connector.Sending, []*reference) {
	by := make(map[*reference]*connector.Sending, len(list))
	var refs []*reference
	for _, s := range list {
		if n, ok := s.Note.(*note); ok {
			by[&n.ref] = s
			refs = append(refs, &n.ref)
		}
	}
	return by, refs
}

// MayDelete implements connector.Source.
func (a *Audiences) MayDelete(tenant event.TenantID, connection string) error {
	for _, it := range a.records.List(tenant) {
		if slices.ContainsFunc(it.Value.Attachments, func(x Attachment) bool { return x.Connection == connection }) {
			return problem.New(problem.Conflict, "the audience %s is attached to it", it.Name)
		}
	}
	return nil
}
