package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
)

func testJourneys(t *testing.T, open Open) {
	t.Run("Enrolments", func(t *testing.T) { journeyEnrolments(t, open(t)) })
	t.Run("Claims", func(t *testing.T) { journeyClaims(t, open(t)) })
	t.Run("Sends", func(t *testing.T) { journeySends(t, open(t)) })
	t.Run("Crossings", func(t *testing.T) { journeyCrossings(t, open(t)) })
	t.Run("Ends", func(t *testing.T) { journeyEnds(t, open(t)) })
}

func enrolment(id, profile, key, entry string, due time.Time) *journey.Enrolment {
	return &journey.Enrolment{
		Tenant: 1, ID: "enr_" + id, Journey: 7, Version: 1, Profile: profile, Key: key, Entry: entry, State: journey.Running, Step: "a",
		Due: due, Notes: journey.Notes{Entry: []byte(`{"n":1.10}`), Seen: []string{"x"}}, CreatedAt: noon, UpdatedAt: noon,
	}
}

func journeyChange(t *testing.T, s Backend, want error, c *journey.Change) {
	t.Helper()
	if c.Tenant == 0 {
		c.Tenant = 1
	}
	if err := s.JourneyChange(ctx, c); !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
}

// journeyEnrolments: all of a change happens or nothing, only to rows that are as they were read, and an entry or a key counts
// once.
func journeyEnrolments(t *testing.T, s Backend) {
	a := enrolment("a", "p/ü", "k", "evt_1", noon)
	trace := journey.StepTrace{Enrolment: a.ID, Profile: a.Profile, N: 1, Trace: journey.Trace{At: noon, Step: "a", Kind: "enter", Words: "by evt_1"}}
	journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{a}, Traces: []journey.StepTrace{trace}})
	for _, twin := range []*journey.Enrolment{enrolment("b", "other", "k2", "evt_1", noon), enrolment("c", a.Profile, "k", "evt_2", noon)} {
		of := trace
		of.Enrolment = twin.ID
		journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{twin}, Traces: []journey.StepTrace{of}})
		if list, err := s.TraceList(ctx, 1, twin.ID); err != nil || len(list) != 0 {
			t.Errorf("of one that did not enter: got %+v, %v", list, err)
		}
	}
	b := enrolment("d", a.Profile, "k2", "evt_3", time.Time{})
	elsewhere := enrolment("a", a.Profile, "k", "evt_1", noon)
	elsewhere.Tenant = 2
	journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{b}})
	journeyChange(t, s, nil, &journey.Change{Tenant: 2, Enter: []*journey.Enrolment{elsewhere}})
	s.Reopen(t)
	check := func(want ...*journey.Enrolment) {
		t.Helper()
		got, err := s.EnrolmentList(ctx, journey.Query{Tenant: 1, Journey: 7, Limit: 10})
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %+v, %v, want %d", got, err, len(want))
		}
		for i, e := range want {
			got[i].UpdatedAt = e.UpdatedAt
			if !same(got[i], *e) {
				t.Errorf("got %+v, want %+v", got[i], *e)
			}
			one, ok, err := s.EnrolmentGet(ctx, 1, e.ID)
			if one.UpdatedAt = e.UpdatedAt; err != nil || !ok || !same(one, *e) {
				t.Errorf("got %+v, %v, %v, want %+v", one, ok, err, *e)
			}
		}
	}
	check(b, a)
	for _, q := range []journey.Query{{State: journey.Failed}, {Step: "b"}, {Version: 2}, {Profile: "p"}, {Before: a.ID}} {
		q.Tenant, q.Journey, q.Limit = 1, 7, 10
		if got, err := s.EnrolmentList(ctx, q); err != nil || len(got) != 0 {
			t.Errorf("%+v: got %+v, %v", q, got, err)
		}
	}
	if got, err := s.EnrolmentsOf(ctx, 1, []string{"other", a.Profile}); err != nil || len(got) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	last, inside, runs, err := s.EnrolmentLast(ctx, 1, 7, a.Profile, "k")
	if err != nil || !last.Equal(noon) || !inside || runs != 2 {
		t.Errorf("got %v, %v, %d, %v", last, inside, runs, err)
	}
	if last, inside, runs, err = s.EnrolmentLast(ctx, 1, 7, a.Profile, "k3"); err != nil || !last.IsZero() || inside || runs != 2 {
		t.Errorf("by another key: got %v, %v, %d, %v", last, inside, runs, err)
	}

	stale := *a
	stale.Rev = 7
	next := *b
	next.Step = "z"
	journeyChange(t, s, journey.ErrChanged, &journey.Change{Put: []*journey.Enrolment{&next, &stale}, Traces: []journey.StepTrace{{Enrolment: b.ID, N: 9}}})
	check(b, a)
	a.State, a.Due, a.EndedAt, a.Keep, a.Notes.Words = journey.Done, time.Time{}, noon.Add(time.Hour), noon.Add(2*time.Hour), "over"
	b.Step, b.Version, b.State, b.Due = "b", 2, journey.Failed, time.Time{}
	entry := &access.Entry{Tenant: 1, At: noon, Action: "journey.move"}
	journeyChange(t, s, nil, &journey.Change{Put: []*journey.Enrolment{a, b}, Entries: []*access.Entry{entry}})
	s.Reopen(t)
	check(b, a)
	if places, err := s.EnrolmentPlaces(ctx, 1, 7); err != nil || len(places) != 1 || places[0] != (journey.Place{Version: 2, Step: "b", State: journey.Failed, Count: 1}) {
		t.Errorf("got %+v, %v", places, err)
	}
	if ended, err := s.EnrolmentEnded(ctx, 1, 7); err != nil || len(ended) != 1 || ended[journey.Done] != 1 {
		t.Errorf("got %+v, %v", ended, err)
	}
	if list, _, err := s.AuditList(ctx, access.Query{Tenant: 1, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("got the entries %+v, %v", list, err)
	}
	// The key is free again, the event is not.
	journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{enrolment("e", a.Profile, "k", "evt_1", noon)}})
	again := enrolment("f", a.Profile, "k", "evt_9", noon)
	journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{again}})
	check(again, b, a)
}

// journeyClaims: rows come in the order of their due times, a claim keeps others away until it ends or the row is changed, and
// held rows wait.
func journeyClaims(t *testing.T, s Backend) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	var all []*journey.Enrolment
	for i := range 6 {
		all = append(all, enrolment(fmt.Sprint(i), fmt.Sprint("p", i), "", fmt.Sprint("evt_", i), now.Add(-time.Duration(i)*time.Minute)))
	}
	all[5].Due = now.Add(time.Hour)
	journeyChange(t, s, nil, &journey.Change{Enter: all})
	claim := func(limit int, want ...string) []journey.Enrolment {
		t.Helper()
		list, err := s.JourneyClaim(ctx, now, now.Add(time.Minute), limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range list {
			got = append(got, list[i].ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		return list
	}
	claimed := claim(2, "enr_4", "enr_3")
	// Who read it before has lost it.
	journeyChange(t, s, journey.ErrChanged, &journey.Change{Put: []*journey.Enrolment{all[4]}})
	rest := claim(10, "enr_2", "enr_1", "enr_0")
	claim(10)
	if next, err := s.JourneyNext(ctx, now); err != nil || !next.Equal(all[5].Due) {
		t.Errorf("the next is due at %v, %v, want %v", next, err, all[5].Due)
	}
	e := &claimed[0]
	e.Step = "b" // still due
	held := &rest[0]
	held.Held = true
	journeyChange(t, s, nil, &journey.Change{Put: []*journey.Enrolment{e, held}})
	claim(10, "enr_4")
	if list, err := s.JourneyHeld(ctx, 10); err != nil || len(list) != 1 || list[0].Tenant != 1 || list[0].Journey != 7 {
		t.Errorf("held: got %+v, %v", list, err)
	}
	if got, _, err := s.EnrolmentGet(ctx, 1, held.ID); err != nil || !got.Held || !got.Due.Equal(held.Due) {
		t.Errorf("held: got %+v, %v", got, err)
	}
	if n, err := s.JourneyResume(ctx, 1, 7, 10); err != nil || n != 1 {
		t.Errorf("resumed %d, %v", n, err)
	}
	claim(10, "enr_2")
	// A server that is alone and starts knows that nobody has claimed anything.
	if err := s.JourneyRelease(ctx); err != nil {
		t.Fatal(err)
	}
	claim(10, "enr_4", "enr_3", "enr_2", "enr_1", "enr_0")
	later, err := s.JourneyClaim(ctx, now.Add(2*time.Minute), now.Add(3*time.Minute), 10)
	if err != nil || len(later) != 5 {
		t.Errorf("after the lease: got %+v, %v", later, err)
	}
}

// journeySends: a send is there once, ends once, and is not begun once its enrolment has exited.
func journeySends(t *testing.T, s Backend) {
	e := enrolment("a", "p", "", "evt_1", time.Time{})
	e.State, e.Due = journey.Waiting, noon.Add(24*time.Hour)
	send := func(id string, at time.Time) *journey.Send {
		return &journey.Send{
			Tenant: 1, ID: "snd_" + id, Enrolment: e.ID, Journey: 7, Version: 1, Profile: "p", Step: "a", Connection: "con_1", Operation: "enter",
			State: journey.SendNew, Payload: []byte(`{"siteNumber":1}`), At: at,
		}
	}
	one, two := send("1", noon), send("2", noon.Add(time.Second))
	journeyChange(t, s, nil, &journey.Change{Enter: []*journey.Enrolment{e}, Sends: []*journey.Send{one, two}})
	again := *one
	again.Payload = []byte(`{}`)
	journeyChange(t, s, nil, &journey.Change{Sends: []*journey.Send{&again}})
	s.Reopen(t)
	if list, err := s.SendList(ctx, 1, e.ID); err != nil || len(list) != 2 || !same(list[0], *one) || !same(list[1], *two) {
		t.Fatalf("got %+v, %v", list, err)
	}
	if list, err := s.SendNewList(ctx, noon, 10); err != nil || len(list) != 1 || list[0].ID != one.ID {
		t.Errorf("new: got %+v, %v", list, err)
	}
	if err := s.SendHanded(ctx, 1, []string{one.ID}, []event.ID{1<<62 + 1}); err != nil {
		t.Fatal(err)
	}
	if list, err := s.SendNewList(ctx, noon.Add(time.Hour), 10); err != nil || len(list) != 1 || list[0].ID != two.ID {
		t.Errorf("new: got %+v, %v", list, err)
	}
	if list, err := s.SendGet(ctx, 1, []string{one.ID, two.ID}); err != nil || len(list) != 2 || list[0].Event+list[1].Event != 1<<62+1 {
		t.Errorf("handed over: got %+v, %v", list, err)
	}
	if n, err := s.SendCount(ctx, 1, 7, "p", noon.Add(-time.Second)); err != nil || n != 2 {
		t.Errorf("counted %d, %v", n, err)
	}
	begin := func(want int, ids ...string) {
		t.Helper()
		if may, err := s.SendBegin(ctx, 1, ids); err != nil || len(may) != want {
			t.Errorf("got %v, %v, want %d", may, err, want)
		}
	}
	begin(1, one.ID, "snd_none")
	begin(1, one.ID) // again, after a crash
	if may, err := s.SendBegin(ctx, 2, []string{one.ID}); err != nil || len(may) != 0 {
		t.Errorf("of another tenant: got %v, %v", may, err)
	}
	if err := s.SendEnd(ctx, 1, []journey.Send{{ID: one.ID, State: journey.SendRejected, Words: "no"}}, noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.EnrolmentGet(ctx, 1, e.ID)
	if err != nil || !got.Due.Equal(noon.Add(time.Minute)) || got.Rev != e.Rev+1 {
		t.Errorf("who waits for the outcome: got %+v, %v", got, err)
	}
	if err := s.SendEnd(ctx, 1, []journey.Send{{ID: one.ID, State: journey.SendDelivered}}, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err := s.SendGet(ctx, 1, []string{one.ID, "snd_none"})
	if err != nil || len(list) != 1 || list[0].State != journey.SendRejected || list[0].Words != "no" {
		t.Errorf("ended twice: got %+v, %v", list, err)
	}
	begin(0, one.ID)
	got.State, got.Due, got.EndedAt, got.Notes.Words = journey.Exited, time.Time{}, noon, "bought"
	journeyChange(t, s, nil, &journey.Change{Put: []*journey.Enrolment{&got}})
	begin(0, two.ID)
	if list, err := s.SendGet(ctx, 1, []string{two.ID}); err != nil || list[0].State != journey.SendCanceled || list[0].Words != "bought" {
		t.Errorf("after the exit: got %+v, %v", list, err)
	}
	if n, err := s.SendCount(ctx, 1, 7, "p", noon.Add(-time.Second)); err != nil || n != 0 {
		t.Errorf("counted %d, %v", n, err)
	}
}

// journeyCrossings: who enters a watched audience or leaves it is noted with that, once, and only who really does.
func journeyCrossings(t *testing.T, s Backend) {
	member := func(audienceNumber int64, profile string) audience.Member {
		return audience.Member{Tenant: 1, Audience: audienceNumber, Profile: profile, Since: noon}
	}
	change := func(c *audience.Change) {
		t.Helper()
		if c.Tenant = 1; s.AudienceChange(ctx, c) != nil {
			t.Fatal("not stored")
		}
	}
	crossed := func(want string) []audience.Crossing {
		t.Helper()
		list, err := s.CrossingList(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range list {
			got += fmt.Sprintf(" %d%s%v", x.Audience, x.Profile, x.Entered)
		}
		if got != want {
			t.Errorf("got%s, want%s", got, want)
		}
		return list
	}
	change(&audience.Change{Join: []audience.Member{member(7, "p"), member(8, "p")}, Watched: []int64{7}})
	change(&audience.Change{Join: []audience.Member{member(7, "p"), member(7, "q")}, Watched: []int64{7}})
	list := crossed(" 7ptrue 7qtrue")
	if n, err := s.MemberCount(ctx, 1, 7); err != nil || n != 2 {
		t.Errorf("got %d members, %v", n, err)
	}
	journeyChange(t, s, nil, &journey.Change{Crossings: list})
	journeyChange(t, s, journey.ErrChanged, &journey.Change{Crossings: list[:1], Enter: []*journey.Enrolment{enrolment("a", "p", "", "x", noon)}})
	if _, ok, err := s.EnrolmentGet(ctx, 1, "enr_a"); ok || err != nil {
		t.Errorf("half of a change has happened: %v", err)
	}
	change(&audience.Change{Leave: []audience.Member{member(7, "p"), member(7, "none"), member(8, "p")}, Watched: []int64{7}})
	crossed(" 7pfalse")
	profiles, members, err := s.JourneyLook(ctx, 1, []string{"p", "q"})
	if err != nil || len(profiles) != 0 || len(members) != 1 || members[0].Profile != "q" {
		t.Errorf("got %+v, %+v, %v", profiles, members, err)
	}
	change(&audience.Change{Erase: []string{"p"}})
	crossed("")
}

// journeyEnds: erasing, deleting and expiring take all that belongs to an enrolment.
func journeyEnds(t *testing.T, s Backend) {
	put := func(id, profile string, tenant event.TenantID, ended, keep time.Time) {
		t.Helper()
		e := enrolment(id, profile, "", "evt_"+id, time.Time{})
		e.Tenant = tenant
		if !ended.IsZero() {
			e.State, e.EndedAt, e.Keep = journey.Done, ended, keep
		}
		journeyChange(t, s, nil, &journey.Change{
			Tenant: tenant, Enter: []*journey.Enrolment{e}, Traces: []journey.StepTrace{{Enrolment: e.ID, Profile: profile, N: 1, Trace: journey.Trace{At: noon}}},
			Sends: []*journey.Send{{Tenant: tenant, ID: "snd_" + id, Enrolment: e.ID, Profile: profile, State: journey.SendDelivered, At: noon}},
		})
	}
	there := func(tenant event.TenantID, id string) string {
		t.Helper()
		_, ok, err := s.EnrolmentGet(ctx, tenant, "enr_"+id)
		traces, err2 := s.TraceList(ctx, tenant, "enr_"+id)
		sends, err3 := s.SendList(ctx, tenant, "enr_"+id)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(ok, len(traces), len(sends))
	}
	expect := func(tenant event.TenantID, id, want string) {
		t.Helper()
		if got := there(tenant, id); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
	put("inside", "p", 1, time.Time{}, time.Time{})
	put("ended", "p", 1, noon, noon)
	put("kept", "p", 1, noon, noon.Add(1000*time.Hour))
	put("erased", "gone", 1, time.Time{}, time.Time{})
	put("other", "gone", 2, time.Time{}, time.Time{})
	if err := s.AudienceChange(ctx, &audience.Change{Tenant: 1, Erase: []string{"gone"}}); err != nil {
		t.Fatal(err)
	}
	expect(1, "erased", "false 0 0")
	expect(2, "other", "true 1 1")
	if err := s.JourneyExpire(ctx, noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect(1, "inside", "true 1 1")
	expect(1, "ended", "false 0 0")
	expect(1, "kept", "true 0 0") // that it was there, and no more
	for want := range int64(3) {
		if n, err := s.JourneyDelete(ctx, 1, 7, 1); err != nil || n != []int64{1, 1, 0}[want] {
			t.Errorf("deleted %d, %v", n, err)
		}
	}
	expect(1, "inside", "false 0 0")
	expect(2, "other", "true 1 1")
}
