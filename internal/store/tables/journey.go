package tables

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/store/column"
)

// dueColumn is when an enrolment is due, below zero while it is held.
func dueColumn(e *journey.Enrolment) int64 {
	if e.Held {
		return -column.Millis(e.Due)
	}
	return column.Millis(e.Due)
}

// JourneyChange implements journey.Store.
func (t *Tables) JourneyChange(ctx context.Context, c *journey.Change) error {
	var sends many
	for _, s := range c.Sends {
		sends.add(s.ID, s.Enrolment, s.Journey, s.Version, s.Profile, s.Step, s.Connection, s.Operation, s.State, s.Payload, s.Words, s.At)
	}
	bodies := make(map[*journey.Enrolment]string)
	for _, list := range [][]*journey.Enrolment{c.Enter, c.Put} {
		for _, e := range list {
			bodies[e] = bodyOf(&e.Notes, &sends)
		}
	}
	if sends.err != nil {
		return sends.err
	}
	err := t.write(ctx, t.people, func(x tx) error {
		left := make(map[string]bool) // they were there already
		for _, e := range c.Enter {
			n, err := x.exec("EnrolmentInsert", e.Tenant, e.ID, e.Journey, e.Version, e.Profile, e.Key, e.Entry, e.State, e.Step, dueColumn(e), bodies[e], e.Keep, e.EndedAt, e.CreatedAt, e.UpdatedAt)
			if err != nil {
				return err
			}
			left[e.ID] = n == 0
		}
		now := time.Now()
		for _, e := range c.Put {
			if err := x.changeOne(journey.ErrChanged, "EnrolmentUpdate", e.Tenant, e.ID, e.Rev, e.Version, e.State, e.Step, dueColumn(e), bodies[e], e.Keep, e.EndedAt, now); err != nil {
				return err
			}
			if e.State == journey.Exited {
				if _, err := x.exec("SendCancel", e.Tenant, e.ID, e.Notes.Words); err != nil {
					return err
				}
			}
		}
		var traces many
		for i := range c.Traces {
			if s := &c.Traces[i]; !left[s.Enrolment] {
				traces.add(s.Enrolment, s.N, s.Profile, s.At, s.Step, s.Kind, s.Words)
			}
		}
		err := x.many("TraceInsert", c.Tenant, &traces, false)
		if err == nil {
			err = x.many("SendInsert", c.Tenant, &sends, false)
		}
		for i := range c.Crossings {
			if r := &c.Crossings[i]; err == nil {
				err = x.changeOne(journey.ErrChanged, "CrossingDelete", r.Tenant, r.ID, r.Audience, r.Profile)
			}
		}
		if err != nil {
			return err
		}
		return x.auditAll(c.Entries)
	})
	if err != nil {
		return fmt.Errorf("storing enrolments: %w", err)
	}
	for _, e := range c.Enter {
		e.Rev = 1
	}
	for _, e := range c.Put {
		e.Rev++
	}
	return nil
}

// JourneyLook implements journey.Store.
func (t *Tables) JourneyLook(ctx context.Context, tenant event.TenantID, ids []string) (profiles []audience.Profile, members []audience.Member, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	text, err := json.Marshal(ids)
	if err == nil {
		profiles, err = list(ctx, t, t.people, scanProfile(tenant), "ProfileMany", tenant, string(text))
	}
	if err == nil {
		members, err = list(ctx, t, t.people, scanMember(tenant), "MemberOf", tenant, string(text))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading profiles: %w", err)
	}
	return profiles, members, nil
}

func scanEnrolment(scan scan) (e journey.Enrolment, err error) {
	var body string
	var due int64
	if err = scan(&e.Tenant, &e.ID, &e.Journey, &e.Version, &e.Profile, &e.Key, &e.Entry, &e.State, &e.Step, &due, &body, &e.Keep, &e.EndedAt, &e.CreatedAt, &e.UpdatedAt, &e.Rev); err != nil {
		return e, err
	}
	if e.Held = due < 0; e.Held {
		due = -due
	}
	e.Due = column.Time(due)
	if err = json.Unmarshal([]byte(body), &e.Notes); err != nil {
		return e, fmt.Errorf("reading an enrolment: %w", err)
	}
	return e, nil
}

// JourneyClaim implements journey.Store.
func (t *Tables) JourneyClaim(ctx context.Context, now, lease time.Time, limit int) ([]journey.Enrolment, error) {
	next, err := t.JourneyNext(ctx, now)
	if err != nil || next.IsZero() || next.After(now) {
		return nil, err // most looks find nothing, and write nothing
	}
	var all []journey.Enrolment
	err = t.write(ctx, t.people, func(x tx) error {
		all = nil
		return x.query(func(scan scan) error {
			e, err := scanEnrolment(scan)
			all = append(all, e)
			return err
		}, "JourneyClaim", now, lease, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("claiming enrolments: %w", err)
	}
	slices.SortFunc(all, func(a, b journey.Enrolment) int { // RETURNING has no order
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// JourneyRelease implements journey.Store.
func (t *Tables) JourneyRelease(ctx context.Context) error {
	err := t.write(ctx, t.people, func(x tx) error {
		_, err := x.exec("JourneyRelease", time.Now().Add(time.Hour))
		return err
	})
	if err != nil {
		return fmt.Errorf("releasing enrolments: %w", err)
	}
	return nil
}

// JourneyNext implements journey.Store.
func (t *Tables) JourneyNext(ctx context.Context, now time.Time) (time.Time, error) {
	next, _, err := first(ctx, t, t.people, func(scan scan) (at time.Time, err error) {
		err = scan(&at)
		return at, err
	}, "JourneyNext", now)
	if err != nil {
		return next, fmt.Errorf("looking for enrolments that are due: %w", err)
	}
	return next, nil
}

// JourneyHeld implements journey.Store.
func (t *Tables) JourneyHeld(ctx context.Context, limit int) ([]journey.Enrolment, error) {
	l, err := list(ctx, t, t.people, func(scan scan) (e journey.Enrolment, err error) {
		err = scan(&e.Tenant, &e.Journey)
		return e, err
	}, "JourneyHeld", limit)
	if err != nil {
		return nil, fmt.Errorf("listing what is held: %w", err)
	}
	return l, nil
}

// JourneyResume implements journey.Store.
func (t *Tables) JourneyResume(ctx context.Context, tenant event.TenantID, number int64, limit int) (n int64, err error) {
	err = t.write(ctx, t.people, func(x tx) (err error) {
		n, err = x.exec("JourneyResume", tenant, number, limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("resuming enrolments: %w", err)
	}
	return n, nil
}

// EnrolmentGet implements journey.Store.
func (t *Tables) EnrolmentGet(ctx context.Context, tenant event.TenantID, id string) (journey.Enrolment, bool, error) {
	e, ok, err := first(ctx, t, t.people, scanEnrolment, "EnrolmentGet", tenant, id)
	if err != nil {
		return e, false, fmt.Errorf("reading an enrolment: %w", err)
	}
	return e, ok, nil
}

// EnrolmentList implements journey.Store.
func (t *Tables) EnrolmentList(ctx context.Context, q journey.Query) ([]journey.Enrolment, error) {
	l, err := list(ctx, t, t.people, scanEnrolment, "EnrolmentList", q.Tenant, q.Journey, q.Before, q.State, q.Step, q.Version, q.Profile, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing enrolments: %w", err)
	}
	return l, nil
}

// EnrolmentsOf implements journey.Store.
func (t *Tables) EnrolmentsOf(ctx context.Context, tenant event.TenantID, profiles []string) ([]journey.Enrolment, error) {
	text, err := json.Marshal(profiles)
	if err != nil {
		return nil, fmt.Errorf("writing ids: %w", err)
	}
	l, err := list(ctx, t, t.people, scanEnrolment, "EnrolmentsOf", tenant, string(text))
	if err != nil {
		return nil, fmt.Errorf("listing the enrolments of profiles: %w", err)
	}
	return l, nil
}

// EnrolmentLast implements journey.Store.
func (t *Tables) EnrolmentLast(ctx context.Context, tenant event.TenantID, number int64, profile, key string) (last time.Time, inside bool, runs int64, err error) {
	err = t.read(ctx, t.people, func(x tx) error {
		return x.query(func(scan scan) error {
			var same int64
			err := scan(&last, &same, &runs)
			inside = same > 0
			return err
		}, "EnrolmentLast", tenant, number, profile, key)
	})
	if err != nil {
		return last, false, 0, fmt.Errorf("looking for earlier enrolments: %w", err)
	}
	return last, inside, runs, nil
}

// EnrolmentPlaces implements journey.Store.
func (t *Tables) EnrolmentPlaces(ctx context.Context, tenant event.TenantID, number int64) ([]journey.Place, error) {
	l, err := list(ctx, t, t.people, func(scan scan) (p journey.Place, err error) {
		err = scan(&p.Version, &p.Step, &p.State, &p.Count)
		return p, err
	}, "EnrolmentPlaces", tenant, number)
	if err != nil {
		return nil, fmt.Errorf("counting enrolments: %w", err)
	}
	return l, nil
}

// EnrolmentEnded implements journey.Store.
func (t *Tables) EnrolmentEnded(ctx context.Context, tenant event.TenantID, number int64) (map[journey.State]int64, error) {
	count := make(map[journey.State]int64)
	err := t.read(ctx, t.people, func(x tx) error {
		clear(count)
		return x.query(func(scan scan) error {
			var state journey.State
			var n int64
			err := scan(&state, &n)
			count[state] = n
			return err
		}, "EnrolmentEnded", tenant, number)
	})
	if err != nil {
		return nil, fmt.Errorf("counting enrolments: %w", err)
	}
	return count, nil
}

// TraceList implements journey.Store.
func (t *Tables) TraceList(ctx context.Context, tenant event.TenantID, enrolment string) ([]journey.Trace, error) {
	l, err := list(ctx, t, t.people, func(scan scan) (r journey.Trace, err error) {
		err = scan(&r.At, &r.Step, &r.Kind, &r.Words)
		return r, err
	}, "TraceList", tenant, enrolment)
	if err != nil {
		return nil, fmt.Errorf("listing the steps of an enrolment: %w", err)
	}
	return l, nil
}

func scanSend(scan scan) (s journey.Send, err error) {
	err = scan(&s.Tenant, &s.ID, &s.Enrolment, &s.Journey, &s.Version, &s.Profile, &s.Step, &s.Connection, &s.Operation, &s.State, &s.Payload, &s.Words, &s.At, &s.Event)
	return s, err
}

// SendList implements journey.Store.
func (t *Tables) SendList(ctx context.Context, tenant event.TenantID, enrolment string) ([]journey.Send, error) {
	l, err := list(ctx, t, t.people, scanSend, "SendList", tenant, enrolment)
	if err != nil {
		return nil, fmt.Errorf("listing sends: %w", err)
	}
	return l, nil
}

// SendGet implements journey.Store.
func (t *Tables) SendGet(ctx context.Context, tenant event.TenantID, ids []string) ([]journey.Send, error) {
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("writing ids: %w", err)
	}
	l, err := list(ctx, t, t.people, scanSend, "SendGet", tenant, string(text))
	if err != nil {
		return nil, fmt.Errorf("reading sends: %w", err)
	}
	return l, nil
}

// SendCount implements journey.Store.
func (t *Tables) SendCount(ctx context.Context, tenant event.TenantID, number int64, profile string, since time.Time) (n int64, err error) {
	err = t.read(ctx, t.people, func(x tx) (err error) {
		n, err = x.integer("SendCount", tenant, number, profile, since)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("counting sends: %w", err)
	}
	return n, nil
}

// SendNewList implements journey.Store.
func (t *Tables) SendNewList(ctx context.Context, before time.Time, limit int) ([]journey.Send, error) {
	l, err := list(ctx, t, t.people, scanSend, "SendNewList", before, limit)
	if err != nil {
		return nil, fmt.Errorf("listing new sends: %w", err)
	}
	return l, nil
}

// SendHanded implements journey.Store.
func (t *Tables) SendHanded(ctx context.Context, tenant event.TenantID, ids []string, events []event.ID) error {
	rows := make([][]any, len(ids))
	for i, id := range ids {
		rows[i] = []any{id, int64(events[i])}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("writing ids: %w", err)
	}
	err = t.write(ctx, t.people, func(x tx) error {
		_, err := x.exec("SendHanded", tenant, string(text))
		return err
	})
	if err != nil {
		return fmt.Errorf("noting sends: %w", err)
	}
	return nil
}

// SendBegin implements journey.Store.
func (t *Tables) SendBegin(ctx context.Context, tenant event.TenantID, ids []string) (may []string, err error) {
	text, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("writing ids: %w", err)
	}
	err = t.write(ctx, t.people, func(x tx) error {
		may = nil
		return x.query(func(scan scan) error {
			var id string
			err := scan(&id)
			may = append(may, id)
			return err
		}, "SendBegin", tenant, string(text))
	})
	if err != nil {
		return nil, fmt.Errorf("beginning sends: %w", err)
	}
	return may, nil
}

// SendEnd implements journey.Store.
func (t *Tables) SendEnd(ctx context.Context, tenant event.TenantID, ended []journey.Send, now time.Time) error {
	err := t.write(ctx, t.people, func(x tx) error {
		for i := range ended {
			s := &ended[i]
			var enrolment, step string
			err := x.query(func(scan scan) error { return scan(&enrolment, &step) }, "SendEnd", tenant, s.ID, s.State, s.Words)
			if err == nil && enrolment != "" {
				_, err = x.exec("SendWake", tenant, enrolment, step, now)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ending sends: %w", err)
	}
	return nil
}

// CrossingList implements journey.Store.
func (t *Tables) CrossingList(ctx context.Context, limit int) ([]audience.Crossing, error) {
	l, err := list(ctx, t, t.people, func(scan scan) (r audience.Crossing, err error) {
		var entered int64
		err = scan(&r.Tenant, &r.ID, &r.Audience, &r.Profile, &entered, &r.At)
		r.Entered = entered != 0
		return r, err
	}, "CrossingList", limit)
	if err != nil {
		return nil, fmt.Errorf("listing crossings: %w", err)
	}
	return l, nil
}

// crossings adds the rows of members of watched audiences for CrossingJoin and CrossingLeave.
func crossings(c *audience.Change, members []audience.Member) (rows many) {
	for _, m := range members {
		if !slices.Contains(c.Watched, m.Audience) {
			continue
		}
		at := m.Since
		if at.IsZero() {
			at = time.Now()
		}
		// In the order of time within a server. That it is unique follows from the other columns of the key, in effect.
		rows.add(m.Audience, m.Profile, at, time.Now().UnixMicro()<<8|rand.Int64N(1<<8))
	}
	return rows
}

// JourneyDelete implements journey.Store.
func (t *Tables) JourneyDelete(ctx context.Context, tenant event.TenantID, number int64, limit int) (n int64, err error) {
	err = t.write(ctx, t.people, func(x tx) (err error) {
		for _, name := range []string{"JourneyDeleteTraces", "JourneyDeleteSends", "JourneyDeleteEnrolments"} { // the last finds the same
			if n, err = x.exec(name, tenant, number, limit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("deleting enrolments: %w", err)
	}
	return n, nil
}

// JourneyExpire implements journey.Store.
func (t *Tables) JourneyExpire(ctx context.Context, before time.Time) error {
	var errs []error
	for _, name := range []string{"TraceExpire", "SendExpire", "EnrolmentExpire"} {
		_, err := t.sweep(ctx, name, before, respondentBatch)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("expiring enrolments: %w", err)
	}
	return nil
}
