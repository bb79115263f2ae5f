package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/problem"
)

func testGate(t *testing.T, open Open) {
	t.Run("Respondents", func(t *testing.T) { respondents(t, open(t)) })
	t.Run("Once", func(t *testing.T) { respondentsOnce(t, open(t)) })
	t.Run("Moves", func(t *testing.T) { respondentMoves(t, open(t)) })
	t.Run("Lists", func(t *testing.T) { respondentLists(t, open(t)) })
	t.Run("Gone", func(t *testing.T) { respondentsGone(t, open(t)) })
	t.Run("Settings", func(t *testing.T) { gateSettings(t, open(t)) })
	t.Run("Campaigns", func(t *testing.T) { campaigns(t, open(t)) })
}

// someone returns a respondent to add.
func someone(name string, state gate.State) *gate.Respondent {
	r := &gate.Respondent{
		Tenant: 1, Campaign: 5000, State: state, Payload: []byte(`{"respondent":{"firstName":"` + name + `"}}`),
		Email: name + "@example.com", Phone: "+4512345678", Text: name + "\nacme æøå\n",
		CreatedAt: noon,
	}
	if state != gate.Pending {
		r.DecidedAt = noon
	}
	return r
}

func write(t *testing.T, s Backend, changes ...*gate.Change) {
	t.Helper()
	if err := s.RespondentWrite(ctx, changes); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, s Backend, list ...*gate.Respondent) {
	t.Helper()
	var changes []*gate.Change
	for _, r := range list {
		changes = append(changes, &gate.Change{Add: r})
	}
	write(t, s, changes...)
}

// get returns a respondent of tenant 1; its state is 0 without one.
func get(t *testing.T, s Backend, id event.ID) gate.Respondent {
	t.Helper()
	r, ok, err := s.RespondentGet(ctx, 1, id)
	if err != nil || ok != (r.State != 0) {
		t.Fatalf("getting %d: %t, %v", id, ok, err)
	}
	return r
}

func respondents(t *testing.T, s Backend) {
	full := &gate.Respondent{
		Tenant: 1, Campaign: gate.MaxCampaign, Source: "dixa", State: gate.Held, Round: 3,
		Payload: []byte("{\"a\":\"\\u0000\", \"b\":1.10}"), DoNotContact: true, Email: "a@example.com", Phone: "+45", Text: "søren",
		Warnings: []problem.Field{{Name: "respondent.phoneNumber", Reason: "is short"}}, Reason: "no answer",
		LogKey: []byte{0, 1, 2, 255}, Once: "key \x00\xff", Digest: [16]byte{1, 2}, CreatedAt: noon, DecidedAt: noon.Add(time.Minute),
	}
	plain := someone("bo", gate.Pending)
	add(t, s, full, plain)
	if full.ID == 0 || plain.ID <= full.ID {
		t.Errorf("got ids %d and %d, want them to rise", full.ID, plain.ID)
	}
	for range 2 {
		for _, want := range []*gate.Respondent{full, plain} {
			if got := get(t, s, want.ID); !same(got, *want) {
				t.Errorf("got  %+v\nwant %+v", got, *want)
			}
			if _, ok, err := s.RespondentGet(ctx, 2, want.ID); ok || err != nil {
				t.Errorf("another tenant's respondent: got %t, %v", ok, err)
			}
		}
		s.Reopen(t)
	}
	later := someone("cy", gate.Stored)
	add(t, s, later)
	if later.ID <= plain.ID {
		t.Errorf("after opening again: got id %d, want one above %d", later.ID, plain.ID)
	}
}

func respondentsOnce(t *testing.T, s Backend) {
	with := func(tenant event.TenantID, key string) *gate.Change {
		r := someone("ann", gate.Stored)
		r.Tenant, r.Once, r.Digest = tenant, key, [16]byte{7}
		return &gate.Change{Add: r}
	}
	// Two with the same key in one write, and those of others.
	first, second, other, none, none2 := with(1, "k"), with(1, "k"), with(2, "k"), with(1, ""), with(1, "")
	write(t, s, first, second, other, none, none2)
	if first.Existing != nil || other.Existing != nil || none.Existing != nil || none2.Existing != nil {
		t.Errorf("got duplicates %v %v %v %v, want none of them", first.Existing, other.Existing, none.Existing, none2.Existing)
	}
	if second.Existing == nil || second.Existing.ID != first.Add.ID || second.Existing.Digest != first.Add.Digest {
		t.Errorf("the same key twice in a write: got %+v, want %d", second.Existing, first.Add.ID)
	}
	s.Reopen(t)
	again := with(1, "k")
	write(t, s, again)
	if again.Existing == nil || again.Existing.ID != first.Add.ID {
		t.Errorf("the same key later: got %+v, want %d", again.Existing, first.Add.ID)
	}
	list, _, err := s.RespondentList(ctx, gate.Query{Tenant: 1, State: gate.Stored, Limit: 10})
	if err != nil || len(list) != 3 {
		t.Errorf("got %d respondents, %v, want 3", len(list), err)
	}
}

func respondentMoves(t *testing.T, s Backend) {
	a, b := someone("a", gate.Pending), someone("b", gate.Pending)
	a.Round, b.Round = 1, 1
	add(t, s, a, b)
	move := func(r *gate.Respondent, tenant event.TenantID, from gate.State, round int, to gate.State) *gate.Change {
		return &gate.Change{Move: &gate.Move{Tenant: tenant, ID: r.ID, From: from, Round: round, To: to, Reason: "because", At: noon.Add(time.Hour)}}
	}
	wrong := []*gate.Change{move(a, 2, gate.Pending, 1, gate.Stored), move(a, 1, gate.Held, 1, gate.Stored), move(a, 1, gate.Pending, 2, gate.Stored)}
	write(t, s, wrong...)
	for i, ch := range wrong {
		if ch.Done {
			t.Errorf("move %d of another tenant, state or round: got done", i)
		}
	}
	if list, err := s.CampaignList(ctx, 1, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("before anybody is stored: got campaigns %v, %v, want none", list, err)
	}
	stored, held := move(a, 1, gate.Pending, 1, gate.Stored), move(b, 1, gate.Pending, 1, gate.Held)
	changed := someone("anna", gate.Stored)
	changed.Campaign, changed.DoNotContact, changed.Warnings = 6000, true, []problem.Field{{Name: "x", Reason: "y"}}
	stored.Move.Changed = changed
	twice := move(a, 1, gate.Pending, 1, gate.Rejected)
	write(t, s, stored, held, twice)
	if !stored.Done || !held.Done || twice.Done {
		t.Errorf("got done %t %t %t, want the first two", stored.Done, held.Done, twice.Done)
	}
	a.Campaign, a.DoNotContact, a.Email, a.Text, a.Payload, a.Warnings = 6000, true, changed.Email, changed.Text, changed.Payload, changed.Warnings
	a.State, a.Reason, a.DecidedAt = gate.Stored, "because", noon.Add(time.Hour)
	b.State, b.Reason, b.DecidedAt = gate.Held, "because", noon.Add(time.Hour)
	for range 2 {
		for _, want := range []*gate.Respondent{a, b} {
			if got := get(t, s, want.ID); !same(got, *want) {
				t.Errorf("got  %+v\nwant %+v", got, *want)
			}
		}
		s.Reopen(t)
	}
	if list, err := s.CampaignList(ctx, 1, 0, 10); err != nil || len(list) != 1 || list[0].ID != 6000 || list[0].Stored != 1 {
		t.Errorf("got campaigns %+v, %v, want the one of who was stored", list, err)
	}
	again := move(b, 1, gate.Held, 1, gate.Pending)
	again.Move.Again = true
	write(t, s, again)
	if got := get(t, s, b.ID); !again.Done || got.Round != 2 || got.State != gate.Pending {
		t.Errorf("again: got %t, %+v, want round 2", again.Done, got)
	}
	pending, err := s.RespondentPending(ctx, 0, 10)
	if err != nil || len(pending) != 1 || pending[0].ID != b.ID || pending[0].Round != 2 || pending[0].Tenant != 1 {
		t.Errorf("got pending %+v, %v, want %d", pending, err, b.ID)
	}
	if shared, ok := s.(gate.SharedStore); ok {
		if ids, err := shared.RespondentStillPending(ctx, []event.ID{a.ID, b.ID, 1}); err != nil || !slices.Equal(ids, []event.ID{b.ID}) {
			t.Errorf("of three: got still pending %v, %v, want %d", ids, err, b.ID)
		}
		if ids, err := shared.RespondentStillPending(ctx, nil); err != nil || len(ids) != 0 {
			t.Errorf("of none: got still pending %v, %v", ids, err)
		}
	}
	if pending, err = s.RespondentPending(ctx, b.ID, 10); err != nil || len(pending) != 0 {
		t.Errorf("after the last: got pending %+v, %v, want none", pending, err)
	}
}

func respondentLists(t *testing.T, s Backend) {
	var all []*gate.Respondent
	for i := range 12 {
		r := someone(fmt.Sprintf("p%02d", i), gate.Stored)
		r.Campaign = int64(1 + i%2)
		r.CreatedAt = noon.Add(time.Duration(i) * time.Minute)
		r.DoNotContact = i%4 == 0
		if i%3 == 0 {
			r.Source = "dixa"
		}
		if i == 11 {
			r.State = gate.Held
		}
		all = append(all, r)
	}
	stranger := someone("stranger", gate.Stored)
	stranger.Tenant = 2
	add(t, s, append(slices.Clone(all), stranger)...)
	yes, no := true, false
	for name, c := range map[string]struct {
		q    gate.Query
		want []int
	}{
		"all":           {gate.Query{}, []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"held":          {gate.Query{State: gate.Held}, []int{11}},
		"campaign":      {gate.Query{Campaign: 2}, []int{9, 7, 5, 3, 1}},
		"held campaign": {gate.Query{State: gate.Held, Campaign: 2}, []int{11}},
		"source":        {gate.Query{Source: "dixa"}, []int{9, 6, 3, 0}},
		"direct":        {gate.Query{Direct: true, Campaign: 1}, []int{10, 8, 4, 2}},
		"email":         {gate.Query{Email: "p03@example.com"}, []int{3}},
		"phone":         {gate.Query{Phone: "+4512345678", Campaign: 1}, []int{10, 8, 6, 4, 2, 0}},
		"no phone":      {gate.Query{Phone: "+1"}, nil},
		"text":          {gate.Query{Text: "p0"}, []int{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		"text, umlaut":  {gate.Query{Text: "æøå", Campaign: 2}, []int{9, 7, 5, 3, 1}},
		"text, percent": {gate.Query{Text: "p%"}, nil},
		"contact":       {gate.Query{DoNotContact: &no, Campaign: 1}, []int{10, 6, 2}},
		"no contact":    {gate.Query{DoNotContact: &yes}, []int{8, 4, 0}},
		"since":         {gate.Query{Since: noon.Add(8 * time.Minute)}, []int{10, 9, 8}},
		"until":         {gate.Query{Until: noon.Add(2 * time.Minute)}, []int{1, 0}},
	} {
		c.q.Tenant = 1
		if c.q.State == 0 {
			c.q.State = gate.Stored
		}
		for _, limit := range []int{1, 4, 11, 12} {
			q := c.q
			q.Limit = limit
			var got []int
			for {
				list, next, err := s.RespondentList(ctx, q)
				if err != nil || len(list) > limit {
					t.Fatalf("%s: got %d of at most %d, %v", name, len(list), limit, err)
				}
				for i := range list {
					got = append(got, slices.IndexFunc(all, func(r *gate.Respondent) bool { return r.ID == list[i].ID }))
				}
				if q.Before = next; next == 0 {
					break
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s, by %d: got %v, want %v", name, limit, got, c.want)
			}
		}
	}
	for state, want := range map[gate.State]int64{gate.Stored: 11, gate.Held: 1, gate.Pending: 0} {
		if n, err := s.RespondentCount(ctx, 1, state); err != nil || n != want {
			t.Errorf("%s: counted %d, %v, want %d", state, n, err, want)
		}
	}
}

func respondentsGone(t *testing.T, s Backend) {
	var list []*gate.Respondent
	for _, state := range gate.States {
		r := someone(state.String(), state)
		r.Once = state.String()
		list = append(list, r)
	}
	add(t, s, list...)
	// Expiring takes what is only there as a log.
	if err := s.RespondentExpire(ctx, noon); err != nil {
		t.Fatal(err)
	}
	left := func(why string, want ...gate.State) {
		t.Helper()
		s.Reopen(t)
		var got []gate.State
		for _, r := range list {
			if state := get(t, s, r.ID).State; state != 0 {
				got = append(got, state)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", why, got, want)
		}
	}
	left("nothing is too old", gate.States...)
	if err := s.RespondentExpire(ctx, noon.Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	left("after the retention", gate.Stored, gate.Pending, gate.Held)

	for name, c := range map[string]struct {
		tenant       event.TenantID
		id           event.ID
		email, phone string
	}{
		"another tenant's": {2, list[0].ID, "", ""},
		"no such id":       {1, 1, "", ""},
		"no such address":  {1, 0, "x@example.com", "+1"},
		"nothing":          {1, 0, "", ""},
		"address, tenant":  {2, 0, "stored@example.com", "+4512345678"},
	} {
		if n, err := s.RespondentErase(ctx, c.tenant, []event.ID{c.id}, c.email, c.phone, nil); n != 0 || err != nil {
			t.Errorf("%s: erased %d, %v, want 0", name, n, err)
		}
	}
	if n, err := s.RespondentErase(ctx, 1, []event.ID{list[0].ID}, "", "", nil); n != 1 || err != nil {
		t.Errorf("by id: erased %d, %v, want 1", n, err)
	}
	left("erased by id", gate.Pending, gate.Held)
	if n, err := s.RespondentErase(ctx, 1, nil, "held@example.com", "", nil); n != 1 || err != nil {
		t.Errorf("by address: erased %d, %v, want 1", n, err)
	}
	left("erased by address", gate.Pending)
	if n, err := s.RespondentErase(ctx, 1, nil, "", "+4512345678", nil); n != 1 || err != nil {
		t.Errorf("by number: erased %d, %v, want 1", n, err)
	}
	left("erased by number")
	// The key is free again: nothing of the person is left.
	again := someone("stored", gate.Stored)
	again.Once = list[0].Once
	ch := &gate.Change{Add: again}
	if write(t, s, ch); ch.Existing != nil {
		t.Errorf("the key of one who was erased: got %+v, want it to be free", ch.Existing)
	}
}

func campaigns(t *testing.T, s Backend) {
	made := gate.Campaign{Tenant: 1, ID: 7, Name: "Spring", CreatedAt: noon, UpdatedAt: noon}
	if ok, err := s.CampaignCreate(ctx, made, nil); !ok || err != nil {
		t.Fatalf("creating: %t, %v", ok, err)
	}
	for _, id := range []event.TenantID{1, 2} {
		other := made
		other.Tenant, other.Name = id, "Other"
		if ok, err := s.CampaignCreate(ctx, other, nil); ok != (id == 2) || err != nil {
			t.Errorf("creating 7 of tenant %d: %t, %v", id, ok, err)
		}
	}
	var list []*gate.Respondent
	for i := range 3 {
		r := someone("a", gate.Stored)
		r.Campaign = 7
		if i == 2 {
			r.State = gate.Pending
		}
		list = append(list, r)
	}
	elsewhere := someone("b", gate.Stored)
	elsewhere.Campaign = 9
	add(t, s, append(list, elsewhere)...)
	made.Name, made.UpdatedAt, made.Stored = "Summer", noon.Add(time.Hour), 2
	if err := s.CampaignUpdate(ctx, made, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.CampaignUpdate(ctx, gate.Campaign{Tenant: 1, ID: 8}, nil); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("changing none: got %v, want %v", err, gate.ErrNotFound)
	}
	nine := gate.Campaign{Tenant: 1, ID: 9, CreatedAt: noon, UpdatedAt: noon, Stored: 1}
	for range 2 {
		if got, err := s.CampaignList(ctx, 1, 0, 10); err != nil || !same(got, []gate.Campaign{made, nine}) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, []gate.Campaign{made, nine})
		}
		if got, err := s.CampaignList(ctx, 1, 7, 1); err != nil || !same(got, []gate.Campaign{nine}) {
			t.Errorf("after 7: got %+v, %v", got, err)
		}
		if got, ok, err := s.CampaignGet(ctx, 1, 7); err != nil || !ok || !same(got, made) {
			t.Errorf("got %+v, %t, %v\nwant %+v", got, ok, err, made)
		}
		if _, ok, err := s.CampaignGet(ctx, 2, 9); err != nil || ok {
			t.Errorf("another tenant's: got %t, %v", ok, err)
		}
		s.Reopen(t)
	}
	if err := s.CampaignDelete(ctx, 2, 9, nil); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("deleting another tenant's: got %v, want %v", err, gate.ErrNotFound)
	}
	if err := s.CampaignDelete(ctx, 1, 7, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := s.CampaignGet(ctx, 1, 7); ok || get(t, s, list[0].ID).State != 0 || get(t, s, list[2].ID).State != 0 {
		t.Error("after deleting it the campaign, or one of its respondents, is still there")
	}
	if get(t, s, elsewhere.ID).State == 0 {
		t.Error("deleting a campaign took a respondent of another one along")
	}
	if err := s.CampaignDelete(ctx, 1, 7, nil); !errors.Is(err, gate.ErrNotFound) {
		t.Errorf("deleting twice: got %v, want %v", err, gate.ErrNotFound)
	}
}

func gateSettings(t *testing.T, s Backend) {
	for _, text := range []string{`{"enabled":false}`, `{"enabled":true,"x":"ü"}`} {
		if err := s.GatePut(ctx, 1, []byte(text), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.GatePut(ctx, 2, []byte(`{}`), nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got := make(map[event.TenantID]string)
		err := s.GateList(ctx, func(tenant event.TenantID, text []byte) error {
			got[tenant] = string(text)
			return nil
		})
		if want := (map[event.TenantID]string{1: `{"enabled":true,"x":"ü"}`, 2: `{}`}); err != nil || !same(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		s.Reopen(t)
	}
}
