package storetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
)

func testEvents(t *testing.T, open Open) {
	tests := []struct {
		name string
		f    func(*testing.T, Backend)
	}{
		{"BytesAndFieldsComeBack", eventsComeBack},
		{"PublicationIsAllOrNothing", publicationIsAllOrNothing},
		{"DuplicatesWithinOneAppend", duplicatesWithinOneAppend},
		{"DuplicatesAcrossAppends", duplicatesAcrossAppends},
		{"ConflictNamesTheField", conflictNamesTheField},
		{"TenantsAreApart", tenantsAreApart},
		{"OneOfManyWithTheSameKey", oneOfManyWithTheSameKey},
		{"DerivedGoWithTheirRoot", derivedGoWithTheirRoot},
		{"DerivedStayTogether", derivedStayTogether},
		{"FindByNameAndID", findByNameAndID},
		{"ListPagesAndFilters", listPagesAndFilters},
		{"ListFindsTextHoweverWritten", listFindsTextHoweverWritten},
		{"ScanInOrder", scanInOrder},
		{"LargeGroups", largeGroups},
		{"OpenIntakes", openIntakes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.f(t, open(t)) })
	}
	virtual := []struct {
		name string
		f    func(*testing.T, Backend)
	}{
		{"DaysPass", daysPass},
		{"Retention", retention},
		{"RetentionKeepsOpenAndOwed", retentionKeeps},
		{"TenantExpires", tenantExpires},
		{"RetentionKeepsWhatIsLogged", retentionKeepsLogged},
		{"IDsRiseAfterRetentionOfEverything", idsRise},
	}
	for _, tt := range virtual {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.f(t, open(t)) })
		})
	}
}

var ctx = context.Background()

// Event returns an item with the given data; a name makes it the key, too.
func Event(name, typ, data string) ingest.Item {
	it := ingest.Item{Event: event.Event{
		Name: name, Type: typ, Data: []byte(data), Time: time.UnixMilli(1_700_000_000_123).UTC(),
	}}
	if name != "" {
		it.Key = ingest.NameKey(name)
	}
	it.Digest = [16]byte(sha256Of(name + "\x00" + typ + "\x00" + data))
	return it
}

func sha256Of(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:16]
}

// Publication returns a publication of the default tenant.
func Publication(items ...ingest.Item) *ingest.Publication {
	return &ingest.Publication{Tenant: event.DefaultTenant, Items: items}
}

// MustAppend appends and ends the test on an error.
func MustAppend(t *testing.T, s ingest.Store, pubs ...*ingest.Publication) []delivery.Intake {
	t.Helper()
	intakes, err := s.Append(ctx, pubs)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return intakes
}

// MustList returns all of the default tenant's events, newest first.
func MustList(t *testing.T, s ingest.Store, q ingest.Query) []event.Event {
	t.Helper()
	if q.Tenant == 0 {
		q.Tenant = event.DefaultTenant
	}
	if q.Limit == 0 {
		q.Limit = 100
	}
	var all []event.Event
	for {
		page, next, err := s.EventList(ctx, q)
		if err != nil {
			t.Fatalf("EventList(%+v): %v", q, err)
		}
		if len(page) > q.Limit {
			t.Fatalf("EventList(%+v): got %d events, want at most %d", q, len(page), q.Limit)
		}
		all = append(all, page...)
		if next == 0 {
			return all
		}
		if q.Before != 0 && next >= q.Before {
			t.Fatalf("EventList(%+v): the cursor does not move: %d", q, next)
		}
		q.Before = next
	}
}

func checkEvent(t *testing.T, got, want event.Event) {
	t.Helper()
	if !bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Attributes, want.Attributes) {
		t.Errorf("event %d: bytes differ: got %q %q, want %q %q", want.ID, got.Data, got.Attributes, want.Data, want.Attributes)
	}
	if (got.Attributes == nil) != (want.Attributes == nil) {
		t.Errorf("event %d: attributes nil: got %t, want %t", want.ID, got.Attributes == nil, want.Attributes == nil)
	}
	got.Data, want.Data, got.Attributes, want.Attributes = nil, nil, nil, nil
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func mustGet(t *testing.T, s delivery.Store, ids ...event.ID) map[event.ID]event.Event {
	t.Helper()
	list, err := s.EventGetMany(ctx, ids)
	if err != nil {
		t.Fatalf("EventGetMany(%d): %v", ids, err)
	}
	m := make(map[event.ID]event.Event)
	for _, e := range list {
		m[e.ID] = e
	}
	if len(m) != len(list) {
		t.Errorf("EventGetMany(%d): got %d events twice", ids, len(list)-len(m))
	}
	return m
}

func eventsComeBack(t *testing.T, s Backend) {
	random := make([]byte, 3000)
	for i := range random {
		random[i] = byte(rand.Int())
	}
	items := []ingest.Item{
		Event("", "a", `{"n": 1.10, "u":"\u00e9\/", "b": [1 ,2],  "big":12345678901234567890}`),
		Event("name with spaces", "call.completed", `"text"`),
		Event("", "x", "\x00\xff binary is nobody's business"),
		Event("", "random", string(random)),
		Event("", "large", strings.Repeat("0123456789abcdef", 40_000)),
		Event("", "small", "1"),
	}
	items[0].Event.Attributes = []byte(`{"source" : "x"}`)
	items[1].Event.Version = "2"
	items[1].Event.Key = "customer/7"
	items[1].Event.DeliverAt = time.UnixMilli(1_900_000_000_001).UTC()
	items[1].Event.Trace = &event.Trace{0xab, 0, 0xff, 15: 1, 16: 2, 23: 3, 24: event.TraceSampled}
	items[2].Event.Cause = 123456789
	items[3].Event.Time = time.UnixMilli(-5).UTC()
	items[5].Key = ingest.HeaderKey("abc", 0)

	intakes := MustAppend(t, s, Publication(items...), Publication(Event("", "second", "2")))
	var stored []event.Event
	for _, in := range intakes {
		for n, e := range in.Events {
			if want := in.ID + event.ID(n); e.ID != want {
				t.Errorf("intake %d: event %d has id %d, want %d", in.ID, n, e.ID, want)
			}
			stored = append(stored, e)
		}
	}
	if len(stored) != 7 {
		t.Fatalf("got %d new events, want 7", len(stored))
	}
	for n := range items {
		items[n].Event.Tenant, items[n].Event.ID = event.DefaultTenant, stored[n].ID
		checkEvent(t, stored[n], items[n].Event)
	}
	check := func() {
		var ids []event.ID
		for _, e := range stored {
			ids = append(ids, e.ID)
		}
		rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		got := mustGet(t, s, append(ids, 1, ids[0], stored[6].ID+1)...)
		if len(got) != len(stored) {
			t.Errorf("got %d events, want %d", len(got), len(stored))
		}
		for _, e := range stored {
			checkEvent(t, got[e.ID], e)
		}
	}
	check()
	s.Reopen(t)
	check()
}

func publicationIsAllOrNothing(t *testing.T, s Backend) {
	MustAppend(t, s, Publication(Event("taken", "a", "1")))
	bad := Publication(Event("fresh", "a", "1"), Event("taken", "a", "other"), Event("", "a", "2"))
	good := Publication(Event("fresh", "a", "another"))
	intakes := MustAppend(t, s, bad, good)
	if problem.KindOf(bad.Err) != problem.Conflict {
		t.Errorf("got error %v, want a conflict", bad.Err)
	}
	for i := range bad.Items {
		if bad.Items[i].Event.ID != 0 {
			t.Errorf("item %d of a refused publication got id %d", i, bad.Items[i].Event.ID)
		}
	}
	if good.Err != nil || good.Items[0].Duplicate {
		t.Errorf("a key of a refused publication is taken: error %v, duplicate %t", good.Err, good.Items[0].Duplicate)
	}
	if len(intakes) != 1 || len(intakes[0].Events) != 1 {
		t.Errorf("got intakes %v, want one with one event", intakes)
	}
	if got := MustList(t, s, ingest.Query{}); len(got) != 2 {
		t.Errorf("got %d events, want 2", len(got))
	}
}

func duplicatesWithinOneAppend(t *testing.T, s Backend) {
	p1 := Publication(Event("k", "a", "1"), Event("k", "a", "1"), Event("other", "a", "1"))
	p2 := Publication(Event("x", "a", "1"), Event("k", "a", "1"))
	p3 := Publication(Event("k", "a", "2"))
	p4 := Publication(Event("y", "a", "1"), Event("y", "a", "2"))
	MustAppend(t, s, p1, p2, p3, p4)
	first := p1.Items[0].Event.ID
	if first == 0 || p1.Items[0].Duplicate {
		t.Fatalf("the first: got id %d, duplicate %t", first, p1.Items[0].Duplicate)
	}
	for name, it := range map[string]*ingest.Item{"same publication": &p1.Items[1], "next publication": &p2.Items[1]} {
		if !it.Duplicate || it.Event.ID != first {
			t.Errorf("%s: got duplicate %t of %d, want of %d", name, it.Duplicate, it.Event.ID, first)
		}
	}
	for name, p := range map[string]*ingest.Publication{"next publication": p3, "same publication": p4} {
		if problem.KindOf(p.Err) != problem.Conflict {
			t.Errorf("another body, %s: got %v, want a conflict", name, p.Err)
		}
	}
	if got := MustList(t, s, ingest.Query{}); len(got) != 3 {
		t.Errorf("got %d events, want 3", len(got))
	}
}

func duplicatesAcrossAppends(t *testing.T, s Backend) {
	const n = 150
	var ids []event.ID
	for i := range n {
		p := Publication(Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)))
		MustAppend(t, s, p)
		ids = append(ids, p.Items[0].Event.ID)
	}
	again := func() {
		t.Helper()
		for i := range n {
			p := Publication(Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)), Event("", "late", ""))
			p.Items[0].Event.Time = time.Now() // what Relay adds does not count
			q := Publication(Event(fmt.Sprint("k", i), "a", "other"))
			if intakes := MustAppend(t, s, p, q); len(intakes) != 1 || len(intakes[0].Events) != 1 {
				t.Fatalf("key %d: got intakes %v, want one with one event", i, intakes)
			}
			it := &p.Items[0]
			if p.Err != nil || !it.Duplicate || it.Event.ID != ids[i] || it.Event.Time.UnixMilli() != 1_700_000_000_123 {
				t.Fatalf("key %d: got error %v, duplicate %t, event %+v, want the event %d", i, p.Err, it.Duplicate, it.Event, ids[i])
			}
			if problem.KindOf(q.Err) != problem.Conflict {
				t.Fatalf("key %d with another body: got %v, want a conflict", i, q.Err)
			}
		}
	}
	again()
	s.Reopen(t)
	again()
	onlyDuplicates := Publication(Event("k0", "a", "0"))
	if intakes := MustAppend(t, s, onlyDuplicates); len(intakes) != 0 || !onlyDuplicates.Items[0].Duplicate {
		t.Errorf("got intakes %v, duplicate %t, want none and a duplicate", intakes, onlyDuplicates.Items[0].Duplicate)
	}
}

func conflictNamesTheField(t *testing.T, s Backend) {
	header := func(n int, body string) ingest.Item {
		it := Event("", "a", body)
		it.Key = ingest.HeaderKey("abc", n)
		return it
	}
	MustAppend(t, s, Publication(Event("k", "a", "1")), Publication(header(0, "1")))
	tests := []struct {
		pub  *ingest.Publication
		want string
	}{
		{Publication(Event("k", "a", "2")), "id"},
		{Publication(Event("", "a", "2"), Event("k", "a", "2")), "[1].id"},
		{Publication(header(0, "2")), "header Idempotency-Key"},
	}
	for _, tt := range tests {
		MustAppend(t, s, tt.pub)
		e, ok := tt.pub.Err.(*problem.Error)
		if !ok || e.Kind != problem.Conflict || len(e.Fields) != 1 || e.Fields[0].Name != tt.want {
			t.Errorf("got %#v, want a conflict of the field %q", tt.pub.Err, tt.want)
		}
	}
	// The same text as name and as header are two keys.
	p := Publication(Event(strings.TrimPrefix(ingest.HeaderKey("abc", 0), "h"), "a", "5"))
	if MustAppend(t, s, p); p.Err != nil || p.Items[0].Duplicate {
		t.Errorf("got error %v, duplicate %t, want a new event", p.Err, p.Items[0].Duplicate)
	}
}

func tenantsAreApart(t *testing.T, s Backend) {
	one, two := Publication(Event("k", "a", "1")), Publication(Event("k", "a", "2"))
	two.Tenant = 2
	MustAppend(t, s, one, two)
	if two.Err != nil || two.Items[0].Duplicate {
		t.Fatalf("another tenant's key: got error %v, duplicate %t", two.Err, two.Items[0].Duplicate)
	}
	e, ok, err := s.EventFind(ctx, 2, "k")
	if err != nil || !ok || e.ID != two.Items[0].Event.ID {
		t.Errorf("tenant 2: got %d, %t, %v, want %d", e.ID, ok, err, two.Items[0].Event.ID)
	}
	if _, ok, err := s.EventFind(ctx, 2, one.Items[0].Event.ID.Public(event.EventPrefix)); ok || err != nil {
		t.Errorf("tenant 2 finds tenant 1's event by its id: %t, %v", ok, err)
	}
	if got := MustList(t, s, ingest.Query{Tenant: 2}); len(got) != 1 || got[0].ID != two.Items[0].Event.ID {
		t.Errorf("tenant 2's list: got %+v, want its event only", got)
	}
}

// oneOfManyWithTheSameKey publishes as many callers do, one Append at a time.
func oneOfManyWithTheSameKey(t *testing.T, s Backend) {
	const callers = 1000
	var one sync.Mutex
	var wg sync.WaitGroup
	pubs := make([]*ingest.Publication, callers)
	errs := make([]error, callers)
	for i := range callers {
		pubs[i] = Publication(Event("the key", "a", "1"))
		wg.Go(func() {
			one.Lock()
			defer one.Unlock()
			_, errs[i] = s.Append(ctx, pubs[i:i+1])
		})
	}
	wg.Wait()
	fresh := 0
	for i, p := range pubs {
		if errs[i] != nil || p.Err != nil {
			t.Fatalf("caller %d: %v, %v", i, errs[i], p.Err)
		}
		if !p.Items[0].Duplicate {
			fresh++
		}
		if p.Items[0].Event.ID != pubs[0].Items[0].Event.ID {
			t.Errorf("caller %d got event %d, caller 0 %d", i, p.Items[0].Event.ID, pubs[0].Items[0].Event.ID)
		}
	}
	if stored := MustList(t, s, ingest.Query{}); fresh != 1 || len(stored) != 1 {
		t.Errorf("got %d new and %d stored, want 1 and 1", fresh, len(stored))
	}
}

func findByNameAndID(t *testing.T, s Backend) {
	p := Publication(Event("order 7", "a", "1"), Event("", "a", "2"))
	p.Items[0].Event.Trace = &event.Trace{1, 16: 2}
	MustAppend(t, s, p)
	relayID := p.Items[1].Event.ID.Public(event.EventPrefix)
	// A publisher may choose a name that looks like an id of Relay's.
	tricky := Publication(Event(relayID, "tricky", "3"))
	tests := []struct {
		publicID string
		want     event.ID
	}{
		{"order 7", p.Items[0].Event.ID},
		{p.Items[0].Event.ID.Public(event.EventPrefix), p.Items[0].Event.ID},
		{relayID, p.Items[1].Event.ID},
		{"order 8", 0},
		{"evt_", 0},
		{(p.Items[1].Event.ID + 1).Public(event.EventPrefix), 0},
		{event.ID(5).Public(event.EventPrefix), 0},
	}
	check := func() {
		t.Helper()
		for _, tt := range tests {
			e, ok, err := s.EventFind(ctx, event.DefaultTenant, tt.publicID)
			if err != nil || ok != (tt.want != 0) || e.ID != tt.want {
				t.Errorf("EventFind(%q) = %d, %t, %v, want %d", tt.publicID, e.ID, ok, err, tt.want)
			}
			if traced := ok && e.ID == p.Items[0].Event.ID; traced != (e.Trace != nil) || traced && *e.Trace != *p.Items[0].Event.Trace {
				t.Errorf("EventFind(%q): got the trace %v", tt.publicID, e.Trace)
			}
		}
	}
	check()
	s.Reopen(t)
	check()
	MustAppend(t, s, tricky)
	if e, ok, err := s.EventFind(ctx, event.DefaultTenant, relayID); err != nil || !ok || e.Type != "tricky" {
		t.Errorf("EventFind(%q) = %+v, %t, %v, want the event of that name", relayID, e, ok, err)
	}
}

// A text is found however the publisher's JSON library has written it. Far more
// events than a page may have it, and few do.
func listFindsTextHoweverWritten(t *testing.T, s Backend) {
	written := []string{
		`{"name":"Søren"}`,
		`{"name":"S\u00f8ren"}`,
		`{"name":"S\u00F8ren \ud83d\ude00"}`,
		`{"\u0053\u00f8ren":1}`,
		`{"city":"Malmo\u0308 \u20ac 5"}`,
		`{"city":"Malm\u00f6"}`,
		"{\"city\":\"Malmo\u0308\"}",
		"{\"city\":\"Malm\u00f6\"}",
		`{"url":"https:\/\/shop.example\/a\u0026b"}`,
		`{"url":"https://shop.example/a&b"}`,
		`{"said":"\"hi\"\n\tthere"}`,
		`{"name":"Soren"}`,
	}
	ids := make([][]event.ID, len(written)) // of each, oldest first
	for round := range 3 {
		var items []ingest.Item
		for range 100 * round { // escapes that are not what is looked for
			items = append(items, Event("", "other", `{"name":"J\u00f8rn \/ \\u00f8 \ud800","city":"Bo\u0308rby"}`))
		}
		for _, data := range written {
			items = append(items, Event("", "wanted", data))
		}
		n := 0
		for _, in := range MustAppend(t, s, Publication(items...)) {
			for i := range in.Events {
				if in.Events[i].Type == "wanted" {
					ids[n] = append(ids[n], in.Events[i].ID)
					n++
				}
			}
		}
	}
	for text, want := range map[string][]int{
		"Søren":                  {0, 1, 2, 3},
		`S\u00f8ren`:             {1}, // as it is written
		"😀":                      {2},
		"Malm\u00f6":             {4, 5, 6, 7},
		"Malmo\u0308":            {4, 5, 6, 7},
		"€ 5":                    {4},
		"https://shop.example/a": {8, 9},
		"a&b":                    {8, 9},
		"\"hi\"\n\tthere":        {10},
		`"name":"Søren`:          {0, 1, 2},
		"SØREN":                  nil,
		"Jørg":                   nil,
		`\u00e5`:                 nil,
	} {
		var all []event.ID
		for _, n := range want {
			all = append(all, ids[n]...)
		}
		slices.SortFunc(all, func(a, b event.ID) int { return cmp.Compare(b, a) })
		for _, limit := range []int{1, 5, 250} {
			var got []event.ID
			for _, e := range MustList(t, s, ingest.Query{Text: text, Limit: limit}) {
				got = append(got, e.ID)
			}
			if !slices.Equal(got, all) {
				t.Errorf("%q, limit %d: got %d, want %d", text, limit, got, all)
			}
		}
	}
}

func listPagesAndFilters(t *testing.T, s Backend) {
	var all []event.Event // oldest first
	for i := range 40 {
		var items []ingest.Item
		for n := range 1 + i%5 {
			it := Event("", fmt.Sprintf("type.%d", i%3), fmt.Sprintf(`{"i":%d,"n":%d,"text":"needle-%d"}`, i, n, i%7))
			it.Event.Key = fmt.Sprintf("key%d", i%4)
			items = append(items, it)
		}
		for _, in := range MustAppend(t, s, Publication(items...)) {
			all = append(all, in.Events...)
		}
	}
	tests := []struct {
		name string
		q    ingest.Query
		want func(e *event.Event) bool
	}{
		{"all", ingest.Query{}, func(*event.Event) bool { return true }},
		{"type", ingest.Query{Type: "type.1"}, func(e *event.Event) bool { return e.Type == "type.1" }},
		{"key", ingest.Query{Key: "key2"}, func(e *event.Event) bool { return e.Key == "key2" }},
		{"text", ingest.Query{Text: "needle-3"}, func(e *event.Event) bool { return bytes.Contains(e.Data, []byte("needle-3")) }},
		{"text in another case", ingest.Query{Text: "NEEDLE-3"}, func(e *event.Event) bool { return false }},
		{"since", ingest.Query{Since: all[50].ID.Time()}, func(e *event.Event) bool { return !e.ID.Time().Before(all[50].ID.Time()) }},
		{"until", ingest.Query{Until: all[50].ID.Time()}, func(e *event.Event) bool { return e.ID.Time().Before(all[50].ID.Time()) }},
		{"before", ingest.Query{Before: all[60].ID}, func(e *event.Event) bool { return e.ID < all[60].ID }},
		{"type and key", ingest.Query{Type: "type.0", Key: "key0"}, func(e *event.Event) bool { return e.Type == "type.0" && e.Key == "key0" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []event.ID
			for i := len(all) - 1; i >= 0; i-- {
				if tt.want(&all[i]) {
					want = append(want, all[i].ID)
				}
			}
			for _, limit := range []int{1, 7, 250} {
				tt.q.Limit = limit
				var got []event.ID
				for _, e := range MustList(t, s, tt.q) {
					got = append(got, e.ID)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("limit %d: got %d, want %d", limit, got, want)
				}
			}
		})
	}
	// Exactly one page: no cursor.
	if page, next, err := s.EventList(ctx, ingest.Query{Tenant: event.DefaultTenant, Limit: len(all)}); err != nil || len(page) != len(all) || next != 0 {
		t.Errorf("a page of all: got %d events, cursor %d, %v, want %d and no cursor", len(page), next, err, len(all))
	}
}
