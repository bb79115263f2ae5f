package journey

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/randomid"
)

// Bounds of what one event does.
const (
	// maxRuns is how many runs of a profile are inside a journey at a time.
	maxRuns = 10
	// maxEntryBytes bounds what an enrolment keeps of the event that started it.
	maxEntryBytes = 32 << 10
)

func isChanged(err error) bool { return errors.Is(err, ErrChanged) }

// eventVars is an event as expressions see it.
func eventVars(ev *event.Event) (map[string]any, error) {
	data, err := decode(ev.Data)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	attributes, err := decode(ev.Attributes)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	return map[string]any{
		"id": ev.PublicID(), "type": ev.Type, "key": ev.Key, "time": ev.Time.UTC(), "data": data, "attributes": attributes,
	}, nil
}

// entryOf is what an enrolment keeps of the event that started it.
func entryOf(ev map[string]any) ([]byte, error) {
	kept := maps.Clone(ev)
	kept["time"] = ev["time"].(time.Time).Format(time.RFC3339Nano)
	raw := appendJSON(nil, kept)
	if len(raw) > maxEntryBytes {
		return nil, fmt.Errorf("the event that started it has %d bytes; expressions can read entry of up to %d", len(raw), maxEntryBytes)
	}
	return raw, nil
}

// Observe brings an event to the tenant's journeys: it takes profiles out, has them go on, and lets them in. Whatever it does
// is one change, and an event that is brought again changes nothing more.
func (j *Journeys) Observe(ctx context.Context, ev *event.Event) error {
	var vars map[string]any
	profiles := make(map[string]bool) // whom the event is about
	about := make(map[*Definition]string)
	list := j.records.List(ev.Tenant)
	for _, it := range list {
		if it.Value.Mode == Stopped {
			continue
		}
		for i := range it.Value.Versions {
			v := &it.Value.Versions[i]
			if v.def.profile == nil || !slices.Contains(v.def.events(v == it.Value.Current()), ev.Type) {
				continue
			}
			if vars == nil {
				var err error
				if vars, err = eventVars(ev); err != nil {
					j.log.WarnContext(ctx, "an event is none for journeys", "event", ev.ID, "error", err)
					return nil
				}
			}
			if id := v.def.profile.id(map[string]any{"event": vars}); id != "" && audience.CheckID(id) == nil {
				about[v.def], profiles[id] = id, true
			}
		}
	}
	if len(about) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(profiles))
	for try := 1; ; try++ {
		c := &Change{Tenant: ev.Tenant}
		if err := j.observe(ctx, c, list, about, ids, vars, ev); err != nil {
			return err
		}
		if c.empty() {
			return nil
		}
		err := j.store.JourneyChange(ctx, c)
		if !isChanged(err) || try == changeTries {
			if err == nil {
				j.wake()
			}
			return err
		}
	}
}

func (j *Journeys) observe(ctx context.Context, c *Change, list []*Item, about map[*Definition]string, ids []string, vars map[string]any, ev *event.Event) error {
	inside, err := j.store.EnrolmentsOf(ctx, ev.Tenant, ids)
	if err != nil {
		return err
	}
	seen, err := j.look(ctx, ev.Tenant, ids)
	if err != nil {
		return err
	}
	// Of the same moment as about: a change of a journey has definitions of its own.
	versions := make(map[int64]*Journey)
	for _, it := range list {
		versions[Number(it)] = &it.Value
	}
	// Out and on first: an event does not take out whom it lets in.
	for i := range inside {
		e := &inside[i]
		var d *Definition
		if it := versions[e.Journey]; it != nil && it.Version(e.Version) != nil {
			d = it.Version(e.Version).def
		}
		if d == nil || about[d] != e.Profile {
			continue
		}
		w, err := j.world(ctx, e, d, seen[e.Profile])
		if err != nil {
			return err
		}
		d.meet(c, e, w, vars, ev)
	}
	for _, it := range list {
		d := it.Value.Current().def
		id := about[d]
		if id == "" || d.Entry.Event != ev.Type || it.Value.Mode == Draining || it.Value.Mode == Stopped {
			continue
		}
		s := seen[id]
		at := map[string]any{"event": vars, "profile": profileVars(&s.profile), "now": j.now()}
		// One that cannot be evaluated is no match, as in filters.
		if ok, _ := d.Entry.where.holds(at); !ok {
			continue
		}
		if err := j.enter(ctx, c, it, s, ev.ID.Public(event.EventPrefix), d.Entry.key.id(at), vars); err != nil {
			return err
		}
	}
	return nil
}

// meet has an enrolment leave or go on because of an event.
func (d *Definition) meet(c *Change, e *Enrolment, w *world, vars map[string]any, ev *event.Event) {
	if e.State.Ended() {
		return
	}
	all := d.vars(e, w, vars)
	fits := func(where, match *expression) bool {
		if match != nil && boundKey(match.id(all)) != e.Key {
			return false
		}
		ok, _ := where.holds(all)
		return ok
	}
	for i := range d.Exit {
		if x := &d.Exit[i]; x.Event == ev.Type && fits(x.where, x.match) {
			e.end(Exited, x.words, w.now, d)
			c.trace(e, Trace{At: w.now, Step: e.Step, Kind: "exit", Words: x.words})
			c.Put = append(c.Put, e)
			return
		}
	}
	changed := false
	for _, s := range d.byName {
		if s.Event != ev.Type || s.Kind != UntilStep || !fits(s.where, s.match) {
			continue
		}
		switch {
		case s.Name == e.Step && e.State == Waiting && !e.Notes.Met:
			// The step is passed when the row is looked at, which it is now.
			e.Notes.Met, e.Notes.Clock, e.Due, e.State = true, true, w.now, Running
			changed = true
		case s.SinceEntry && !e.Notes.seen(s.Name):
			e.Notes.Seen = append(e.Notes.Seen, s.Name)
			changed = true
		}
	}
	if changed {
		c.Put = append(c.Put, e)
	}
}

// keyOf returns the key of an entry that gave one, or none.
func (r *EntryRule) keyOf(key, entry string) string {
	if r.Reentry == Always && r.key == nil {
		return entry // a run for each event
	}
	return boundKey(key)
}

// maxKey bounds a key, in bytes; the database has an index of them.
const maxKey = 256

// boundKey returns a hash in the place of a key that is too long.
func boundKey(key string) string {
	if len(key) <= maxKey {
		return key
	}
	h := sha256.Sum256([]byte(key))
	return "sha256:" + hex.EncodeToString(h[:])
}

// enter lets a profile into a journey, if its rules do.
func (j *Journeys) enter(ctx context.Context, c *Change, it *Item, s *sight, entry, key string, vars map[string]any) error {
	v := it.Value.Current()
	d, number := v.def, Number(it)
	if s.profile.Erasing {
		return nil
	}
	key = d.Entry.keyOf(key, entry)
	last, inside, runs, err := j.store.EnrolmentLast(ctx, it.Tenant, number, s.profile.ID, key)
	now := j.now()
	if err != nil || !d.Entry.admits(last, inside, runs, now) {
		return err
	}
	e := &Enrolment{
		Tenant: it.Tenant, ID: randomid.At(EnrolmentPrefix, now), Journey: number, Version: v.Number, Profile: s.profile.ID, Key: key, Entry: entry, CreatedAt: now, UpdatedAt: now,
	}
	c.trace(e, d.enrol(e, vars, now))
	c.Enter = append(c.Enter, e)
	return nil
}

// admits reports whether a profile may enter that last entered by the same key at a time, zero for never, and has runs inside.
func (r *EntryRule) admits(last time.Time, inside bool, runs int64, now time.Time) bool {
	switch {
	case inside, runs >= maxRuns:
		return false
	case last.IsZero():
		return true
	}
	return r.Reentry != Never && now.Sub(last) >= r.Cooldown
}

// enrol puts an enrolment before the first step.
func (d *Definition) enrol(e *Enrolment, vars map[string]any, now time.Time) Trace {
	e.State, e.Step, e.Due = Running, first(d.Steps, nil), now
	words := "by " + e.Entry
	if d.keepsEntry {
		var err error
		if e.Notes.Entry, err = entryOf(vars); err != nil {
			e.State, e.Due, e.Notes.Words, words = Failed, time.Time{}, err.Error(), err.Error()
		}
	}
	return Trace{At: now, Step: e.Step, Kind: "enter", Words: words}
}

func unique(ids []string) []string { return slices.Compact(slices.Sorted(slices.Values(ids))) }

// sight is what is known of a profile.
type sight struct {
	profile audience.Profile
	in      map[int64]bool
}

// look reads profiles. Those that are not there are empty.
func (j *Journeys) look(ctx context.Context, tenant event.TenantID, ids []string) (map[string]*sight, error) {
	profiles, members, err := j.store.JourneyLook(ctx, tenant, unique(ids))
	if err != nil {
		return nil, err
	}
	all := make(map[string]*sight)
	for _, id := range ids {
		all[id] = &sight{audience.Profile{Tenant: tenant, ID: id}, make(map[int64]bool)}
	}
	for i := range profiles {
		all[profiles[i].ID].profile = profiles[i]
	}
	for _, m := range members {
		all[m.Profile].in[m.Audience] = true
	}
	return all, nil
}

// Watches implements audience.Watcher.
func (j *Journeys) Watches(tenant event.TenantID, number int64) bool {
	for _, it := range j.records.List(tenant) {
		if it.Value.Mode != Stopped && slices.ContainsFunc(it.Value.Versions, func(v Version) bool { return v.def.watches(number) }) {
			return true
		}
	}
	return false
}

// Crossed implements audience.Watcher.
func (j *Journeys) Crossed() { j.wake() }

// Uses implements audience.Watcher.
func (j *Journeys) Uses(tenant event.TenantID, number int64) string {
	if _, err := j.Get(tenant, number); err == nil {
		return "has the same number"
	}
	for _, it := range j.records.List(tenant) {
		for i := range it.Value.Versions {
			d := it.Value.Versions[i].def
			for _, s := range d.byName {
				if s.Audience == number || d.watches(number) {
					return "the journey " + it.Name + " names it"
				}
			}
		}
	}
	return ""
}

// cross brings a page of crossings to journeys, and returns how many there were.
func (j *Journeys) cross(ctx context.Context) (int, error) {
	list, err := j.store.CrossingList(ctx, page)
	if err != nil {
		return 0, err
	}
	for i := range list {
		x := &list[i]
		for try := 1; ; try++ {
			c := &Change{Tenant: x.Tenant, Crossings: []audience.Crossing{*x}}
			if err := j.crossOne(ctx, c, x); err != nil {
				return 0, err
			}
			err := j.store.JourneyChange(ctx, c)
			if isChanged(err) && try < 3 {
				continue
			}
			if err != nil && !isChanged(err) { // another server was faster
				return 0, err
			}
			break
		}
	}
	return len(list), nil
}

func (j *Journeys) crossOne(ctx context.Context, c *Change, x *audience.Crossing) error {
	seen, err := j.look(ctx, x.Tenant, []string{x.Profile})
	if err != nil {
		return err
	}
	s := seen[x.Profile]
	inside, err := j.store.EnrolmentsOf(ctx, x.Tenant, []string{x.Profile})
	if err != nil {
		return err
	}
	for i := range inside {
		e := &inside[i]
		d := j.definition(e)
		if d == nil || !d.watches(x.Audience) {
			continue
		}
		w, err := j.world(ctx, e, d, s)
		if err != nil {
			return err
		}
		if why := d.exitNow(e, w); why != "" {
			e.end(Exited, why, w.now, d)
			c.trace(e, Trace{At: w.now, Step: e.Step, Kind: "exit", Words: why})
			c.Put = append(c.Put, e)
		}
	}
	for _, it := range j.records.List(x.Tenant) {
		d := it.Value.Current().def
		if it.Value.Mode == Draining || it.Value.Mode == Stopped || d.Entry.Audience != x.Audience || (d.Entry.On == Enters) != x.Entered {
			continue
		}
		entry := "audience:" + strconv.FormatInt(x.Audience, 10) + ":" + x.Profile + ":" + strconv.FormatInt(x.At.UnixMilli(), 10)
		vars := map[string]any{"audience": x.Audience, "time": x.At, "data": map[string]any{}}
		if err := j.enter(ctx, c, it, s, entry, "", vars); err != nil {
			return err
		}
	}
	return nil
}
