package journey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

const (
	// page is how many rows are worked on at a time.
	page = 200
	// leaseTime is how long a claimed row is left to the server that claimed it.
	leaseTime = time.Minute
	// lookEvery is how long a server sleeps at most where others may have made rows due, aloneEvery where there is none: its
	// clock may have been set.
	lookEvery  = 2 * time.Second
	aloneEvery = time.Minute
	// afterError is how long it waits after an error.
	afterError = 5 * time.Second
	// handAgain is how old a send must be before it is handed over by somebody else than its maker.
	handAgain = 15 * time.Second
)

// Run takes steps that are due until ctx ends.
func (j *Journeys) Run(ctx context.Context) {
	begun := false
	for wait := time.Duration(0); ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-j.signal:
			timer.Stop()
		}
		var err error
		if !begun {
			err = j.begin(ctx)
			begun = err == nil
		}
		if err == nil {
			wait, err = j.work(ctx)
		}
		if err != nil {
			if ctx.Err() == nil {
				j.log.WarnContext(ctx, "journeys do not go on, trying again", "error", err)
			}
			wait = afterError
		}
	}
}

// begin puts right what the last stop may have left.
func (j *Journeys) begin(ctx context.Context) error {
	if !j.shared { // nobody else has claimed anything
		if err := j.store.JourneyRelease(ctx); err != nil {
			return err
		}
	}
	for _, tenant := range j.records.Tenants() {
		if err := j.listen(ctx, tenant); err != nil && !errors.Is(err, problem.ErrUnavailable) {
			j.log.WarnContext(ctx, "journeys hear of no events", "tenant", tenant, "error", err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// work does all that is due now, and returns for how long there is nothing to do.
func (j *Journeys) work(ctx context.Context) (time.Duration, error) {
	if err := j.resume(ctx); err != nil {
		return 0, err
	}
	if err := j.handOver(ctx); err != nil {
		return 0, err
	}
	for busy := true; busy && ctx.Err() == nil; {
		crossed, err := j.cross(ctx)
		if err != nil {
			return 0, err
		}
		now := j.now()
		list, err := j.store.JourneyClaim(ctx, now, now.Add(leaseTime), page)
		if err != nil {
			return 0, err
		}
		if err := j.advance(ctx, list); err != nil {
			return 0, err
		}
		busy = len(list)+crossed > 0
	}
	wait := aloneEvery
	if j.shared {
		wait = lookEvery
	}
	next, err := j.store.JourneyNext(ctx, j.now())
	if err != nil || next.IsZero() {
		return wait, err
	}
	return max(0, min(wait, next.Sub(j.now()))), nil
}

// resume has the rows go on that were held while their journey was paused, and ends those of stopped journeys.
func (j *Journeys) resume(ctx context.Context) error {
	held, err := j.store.JourneyHeld(ctx, page)
	if err != nil {
		return err
	}
	for i := range held {
		e := &held[i]
		it, err := j.Get(e.Tenant, e.Journey)
		switch {
		case err != nil || it.Value.Mode == Paused:
			continue
		case it.Value.Mode == Stopped:
			err = j.empty(ctx, e.Tenant, e.Journey)
		default:
			for n := int64(page); n == page && err == nil; {
				n, err = j.store.JourneyResume(ctx, e.Tenant, e.Journey, page)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// advance takes steps of claimed rows, those of each tenant in one change.
func (j *Journeys) advance(ctx context.Context, list []Enrolment) error {
	byTenant := make(map[event.TenantID][]*Enrolment)
	var order []event.TenantID
	for i := range list {
		t := list[i].Tenant
		if byTenant[t] == nil {
			order = append(order, t)
		}
		byTenant[t] = append(byTenant[t], &list[i])
	}
	for _, tenant := range order {
		if err := j.advanceTenant(ctx, tenant, byTenant[tenant]); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journeys) advanceTenant(ctx context.Context, tenant event.TenantID, list []*Enrolment) error {
	var ids []string
	for _, e := range list {
		ids = append(ids, e.Profile)
	}
	seen, err := j.look(ctx, tenant, ids)
	if err != nil {
		return err
	}
	changes := make([]*Change, 0, len(list))
	all := &Change{Tenant: tenant}
	for _, e := range list {
		c := &Change{Tenant: tenant}
		if err := j.take(ctx, c, e, seen[e.Profile]); err != nil {
			return err
		}
		changes = append(changes, c)
		all.add(c)
	}
	j.rendering()
	err = j.store.JourneyChange(ctx, all)
	if err == nil {
		return j.hand(ctx, all.Sends)
	}
	if !isChanged(err) {
		return err
	}
	// Some were changed meanwhile: an exit, say. Each by itself, so that the others go on; those are looked at again.
	for _, c := range changes {
		switch err := j.store.JourneyChange(ctx, c); {
		case isChanged(err):
		case err != nil:
			return err
		default:
			if err := j.hand(ctx, c.Sends); err != nil {
				return err
			}
		}
	}
	j.wake()
	return nil
}

func (c *Change) add(other *Change) {
	c.Put, c.Sends, c.Traces = append(c.Put, other.Put...), append(c.Sends, other.Sends...), append(c.Traces, other.Traces...)
}

// take walks an enrolment as far as it comes, and adds what follows to the change.
func (j *Journeys) take(ctx context.Context, c *Change, e *Enrolment, s *sight) error {
	c.Put = append(c.Put, e)
	it, err := j.Get(e.Tenant, e.Journey)
	if err != nil { // it was deleted; or another server has just made it
		if err := j.records.Refresh(ctx); err != nil {
			return err
		}
		it, err = j.Get(e.Tenant, e.Journey)
	}
	if err == nil && it.Value.Version(e.Version) == nil { // likewise
		if err := j.records.Refresh(ctx); err != nil {
			return err
		}
		it, err = j.Get(e.Tenant, e.Journey)
	}
	switch {
	case err != nil:
		e.end(Exited, "the journey was deleted", j.now(), nil)
		return nil
	case it.Value.Mode == Stopped:
		e.end(Exited, "the journey was stopped", j.now(), j.definition(e))
		c.trace(e, Trace{At: j.now(), Step: e.Step, Kind: "exit", Words: e.Notes.Words})
		return nil
	case it.Value.Mode == Paused:
		e.Held = true
		return nil
	case it.Value.Version(e.Version) == nil:
		e.State, e.Due = Failed, time.Time{}
		e.Notes.Words = fmt.Sprintf("version %d is not kept any more", e.Version)
		return nil
	}
	d := it.Value.Version(e.Version).def
	w, err := j.world(ctx, e, d, s)
	if err != nil {
		return err
	}
	for {
		o := d.walk(e, w)
		c.Sends = append(c.Sends, o.sends...)
		for _, t := range o.traces {
			c.trace(e, t)
		}
		if o.act == nil {
			return nil
		}
		if len(o.traces) > 0 {
			// What comes before an act is stored before it: the act itself may take the profile out, and a send in front of it
			// must not be lost with that.
			e.State, e.Due = Running, w.now
			return nil
		}
		// Before the step is recorded: after a crash it is made again, which changes nothing where it was made.
		if err := j.act(ctx, e, o.act); err != nil {
			var p *problem.Error
			if !errors.As(err, &p) || p.Kind == problem.Unavailable {
				return err
			}
			e.State, e.Due, e.Notes.Words = Failed, time.Time{}, err.Error()
			c.trace(e, Trace{At: w.now, Step: e.Step, Kind: "fail", Words: err.Error()})
			return nil
		}
		w.acted = true
	}
}

func (j *Journeys) act(ctx context.Context, e *Enrolment, a *act) error {
	if a.on == Enters {
		return j.audiences.Enter(ctx, e.Tenant, a.audience, e.Profile, &audienceInput)
	}
	_, err := j.audiences.Leave(ctx, e.Tenant, a.audience, e.Profile)
	return err
}

// world is what an enrolment sees now.
func (j *Journeys) world(ctx context.Context, e *Enrolment, d *Definition, s *sight) (*world, error) {
	w := &world{now: j.now(), number: e.Journey, profile: &s.profile, in: s.in}
	if it, err := j.Get(e.Tenant, e.Journey); err == nil {
		w.shifted = it.Value.Shifted
	}
	w.address = func(connection string) (site, partner int64, err error) { return j.address(e.Tenant, connection) }
	w.sent = func(since time.Time) (int, error) {
		n, err := j.store.SendCount(ctx, e.Tenant, e.Journey, e.Profile, since)
		return int(n), err
	}
	// Sends are looked at for their outcomes, and where a step may have been taken already.
	if len(d.waited) > 0 {
		list, err := j.store.SendList(ctx, e.Tenant, e.ID)
		if err != nil {
			return nil, err
		}
		w.sends = make(map[string]*Send)
		for i := range list {
			w.sends[list[i].Step] = &list[i]
		}
	}
	return w, nil
}
