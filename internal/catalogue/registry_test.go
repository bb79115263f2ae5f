package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// memory stores records according to the contract. The real stores run the same operations in
// storetest.
type memory struct {
	mu   sync.Mutex
	list []Record
	fail error // returned by changes, which then change nothing

	entries []*access.Entry // of the audit log
}

func (m *memory) CatalogueList(context.Context) ([]Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list), nil
}

func (m *memory) CatalogueChange(_ context.Context, c RecordChange) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.list = slices.DeleteFunc(m.list, func(o Record) bool {
		return o.Tenant == c.Tenant && slices.ContainsFunc(c.Remove, func(k RecordKey) bool { return k.names(&o) })
	})
	for _, rec := range c.Put {
		i := slices.IndexFunc(m.list, func(o Record) bool { return o.Tenant == rec.Tenant && o.key() == rec.key() })
		if i < 0 {
			m.list = append(m.list, rec)
			continue
		}
		m.list[i].Body, m.list[i].UpdatedAt = rec.Body, rec.UpdatedAt
	}
	m.entries = append(m.entries, c.Audit)
	return nil
}

// newRegistry returns a registry and a function that opens another on the same store, like a
// restart.
func newRegistry(t testing.TB) (*Registry, *memory, func() *Registry) {
	t.Helper()
	store := new(memory)
	open := func() *Registry {
		r, err := NewRegistry(t.Context(), store, Options{Evaluator: filterEvaluator{}})
		if err != nil {
			t.Fatal(err)
		}
		if broken := r.Broken(); broken != nil {
			t.Fatalf("broken records: %q", broken)
		}
		return r
	}
	return open(), store, open
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const orderSchema = `{"type":"object","required":["amount"],"properties":{"amount":{"type":"number"}}}`

func TestRegistryTypes(t *testing.T) {
	r, _, reopen := newRegistry(t)
	ctx := t.Context()
	first, err := r.Put(ctx, access.System(1), Type{Name: "order.created", Description: "An order.", Aliases: []string{"order.placed"}, Schema: []byte(orderSchema)})
	check(t, err)
	if first.Version != "1" || string(first.Example) != `{"amount":1}` || first.Validation != Warn || first.CreatedAt.IsZero() {
		t.Errorf("Put: got %+v, want version 1, an example, mode warn and a time", first)
	}
	_, err = r.Put(ctx, access.System(1), Type{Name: "order.created", Version: "2", Schema: []byte(`{"type":"object","required":["total"]}`)})
	check(t, err)

	for _, r := range []*Registry{r, reopen()} {
		typ, ok := r.Lookup(1, "order.created")
		if !ok || typ.Version != "2" {
			t.Fatalf("Lookup: got %+v, %v; want version 2", typ, ok)
		}
		if _, ok := r.Lookup(2, "order.created"); ok {
			t.Error("another tenant sees the type")
		}
		if got := r.Versions(1, "order.created"); len(got) != 2 || got[0].Version != "1" {
			t.Errorf("Versions: got %d, want 1 and 2", len(got))
		}
		if got, all := len(r.List(1)), len(r.List(2)); got != 24 || all != 23 {
			t.Errorf("List: got %d types and %d of a tenant without own ones, want 24 and 23", got, all)
		}
		e := &event.Event{Tenant: 1, Type: "order.created", Data: []byte(`{"amount":1}`)}
		if list, refuse := r.Check(e); len(list) != 1 || list[0].Path != "data.total" || refuse {
			t.Errorf("Check of the current version: got %v, %v; want data.total to be missing", list, refuse)
		}
		e.Version = "1"
		if list, _ := r.Check(e); list != nil {
			t.Errorf("Check of version 1: got %v, want none", list)
		}
		e.Version = "2026-05-05" // an unknown version: the current schema applies
		if list, _ := r.Check(e); len(list) != 1 {
			t.Errorf("Check of an unknown version: got %v, want that of the current one", list)
		}
	}
	if got := r.Canonical(1, "order.placed"); got != "order.created" { // names of older versions stay known
		t.Errorf("Canonical(order.placed): got %q, want order.created", got)
	}
	if got := r.Canonical(1, "notification.auth_link_clicked"); got != "notification.auth_link_used" {
		t.Errorf("Canonical: got %q", got)
	}
}

// TestRegistryKeepsSketches adds types whose schemas are too complex to generate an example.
func TestRegistryKeepsSketches(t *testing.T) {
	r, _, reopen := newRegistry(t)
	const digits, letters = `{"type":"string","pattern":"^[0-9]{5}$"}`, `{"type":"string","pattern":"^[A-Z]{5}$"}`
	imported, err := ImportJSONSchema(nil, "zip.changed", []byte(digits))
	check(t, err)
	_, err = r.Import(t.Context(), access.System(1), []Type{imported}, nil, false)
	check(t, err)
	_, err = r.Create(t.Context(), access.System(1), Type{Name: "code.changed", Schema: []byte(digits)}, Settings{})
	check(t, err)
	_, err = r.Update(t.Context(), access.System(1), "code.changed", Change{Schema: raw(letters)})
	check(t, err)
	r = reopen()
	_, err = r.Update(t.Context(), access.System(1), "zip.changed", Change{Schema: raw(letters)})
	check(t, err)
	var p *problem.Error
	if _, err := r.Update(t.Context(), access.System(1), "zip.changed", Change{Example: raw(`"12345"`)}); !errors.As(err, &p) || p.Fields[0].Name != "example" {
		t.Errorf("an example that does not fit: got %v, want it refused", err)
	}
	_, err = r.Update(t.Context(), access.System(1), "zip.changed", Change{Example: raw(`"ABCDE"`)})
	check(t, err)
}

func raw(text string) *json.RawMessage { m := json.RawMessage(text); return &m }

func TestRegistryOwnBeforePack(t *testing.T) {
	r, _, _ := newRegistry(t)
	_, err := r.Put(t.Context(), access.System(1), Type{Name: "call.completed", Version: "2", Schema: []byte(orderSchema)})
	check(t, err)
	own, _ := r.Lookup(1, "call.completed")
	pack, _ := r.Lookup(2, "call.completed")
	if own.Pack != "" || own.Version != "2" || pack.Pack != "calls" || pack.Version != "2026-05-05" {
		t.Errorf("got %q %q and %q %q, want the tenant's version 2 and the pack's 2026-05-05", own.Pack, own.Version, pack.Pack, pack.Version)
	}
}

func TestRegistryModes(t *testing.T) {
	r, _, reopen := newRegistry(t)
	ctx := t.Context()
	bad := &event.Event{Tenant: 1, Type: "call.completed", Data: []byte(`{"duration":"long"}`)}
	unknown := &event.Event{Tenant: 1, Type: "nothing.known", Data: []byte(`{}`)}
	set := func(name string, m Mode) func() {
		return func() { check(t, r.Set(ctx, access.System(1), name, func(s *Settings) { s.Validation = m })) }
	}
	steps := []struct {
		what                       string
		do                         func()
		violated, refused, stopped bool // stopped means that an unknown type is rejected
	}{
		{"default", func() {}, true, false, false},
		{"all strict", set(AllTypes, Strict), true, true, true},
		{"this one off", set("call.completed", Off), false, false, true},
		{"this one warn", set("call.completed", Warn), true, false, true},
		{"this one strict, all off", func() { set("call.completed", Strict)(); set(AllTypes, Off)() }, true, true, false},
		{"this one as all", set("call.completed", ""), false, false, false},
		{"archived", func() {
			set(AllTypes, Warn)()
			check(t, r.Archive(ctx, access.System(1), "call.completed", true))
		}, false, false, false},
		{"back again", func() { check(t, r.Archive(ctx, access.System(1), "call.completed", false)) }, true, false, false},
	}
	for _, s := range steps {
		s.do()
		for _, r := range []*Registry{r, reopen()} {
			list, refuse := r.Check(bad)
			_, stop := r.Check(unknown)
			if (list != nil) != s.violated || refuse != s.refused || stop != s.stopped {
				t.Errorf("%s: got %v, refused %v, unknown refused %v; want violations %v, refused %v, unknown refused %v",
					s.what, list, refuse, stop, s.violated, s.refused, s.stopped)
			}
		}
		other := *bad
		other.Tenant = 2
		if list, refuse := r.Check(&other); list == nil || refuse {
			t.Errorf("%s: another tenant got %v, %v; want the default", s.what, list, refuse)
		}
	}
	if err := r.Set(ctx, access.System(1), "nothing.known", func(*Settings) {}); problem.KindOf(err) != problem.NotFound {
		t.Errorf("Set of an unknown type: got %v, want NotFound", err)
	}
	if err := r.Set(ctx, access.System(1), AllTypes, func(s *Settings) { s.Validation = "loud" }); problem.KindOf(err) != problem.Invalid {
		t.Errorf("Set to an unknown mode: got %v, want Invalid", err)
	}
}

func TestRegistryRules(t *testing.T) {
	r, _, reopen := newRegistry(t)
	ctx := t.Context()
	urgent := published("call.completed", `{"urgency":"urgent","vip":7}`)
	urgent.Tenant = 1
	derived := func(r *Registry) []string {
		d, err := r.Rules(1).Derive(ctx, urgent)
		check(t, err)
		return lines(d)[1:]
	}
	const asUrgent = `call.urgent {"urgency":"urgent","vip":7} {"a":1.10}`
	create := func(rule Rule) error {
		_, err := r.CreateRule(ctx, access.System(1), rule, true)
		return err
	}
	turn := func(name string, on bool) error {
		return r.UpdateRule(ctx, access.System(1), name, func(*Rule) {}, &on)
	}
	vip := Rule{Name: "vip", On: "call.completed", When: "event.data.vip > 5", Type: "call.vip", Data: "pick(event.data, ['vip'])"}
	steps := []struct {
		what string
		do   func() error
		want []string
	}{
		{"shipped", func() error { return nil }, []string{asUrgent}},
		{"own", func() error { return create(vip) }, []string{asUrgent, `call.vip {"vip":7}`}},
		{"shipped off", func() error { return turn("urgent-call", false) }, []string{`call.vip {"vip":7}`}},
		{"own off", func() error { return turn("vip", false) }, []string{}},
		{"own off, still", func() error { return turn("vip", false) }, []string{}},
		{"shipped on", func() error { return turn("urgent-call", true) }, []string{asUrgent}},
		{"own deleted", func() error { return r.DeleteRule(ctx, access.System(1), "vip") }, []string{asUrgent}},
		{"own again, on", func() error { return create(vip) }, []string{asUrgent, `call.vip {"vip":7}`}},
	}
	for _, s := range steps {
		check(t, s.do())
		for _, r := range []*Registry{r, reopen()} {
			if got := derived(r); !slices.Equal(got, s.want) {
				t.Errorf("%s: got %q, want %q", s.what, got, s.want)
			}
		}
		if !r.Rules(2).On("account.deactivate") {
			t.Errorf("%s: another tenant lost its rules", s.what)
		}
	}
	shippedName := vip
	shippedName.Name = "urgent-call"
	if err := create(shippedName); problem.KindOf(err) != problem.Conflict {
		t.Errorf("a rule with a shipped name: got %v, want Conflict", err)
	}
	for _, err := range []error{r.DeleteRule(ctx, access.System(1), "urgent-call"), r.DeleteRule(ctx, access.System(2), "vip"), turn("none", false)} {
		if problem.KindOf(err) != problem.NotFound {
			t.Errorf("got %v, want NotFound", err)
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	r, store, _ := newRegistry(t)
	ctx := t.Context()
	tests := []struct {
		name  string
		typ   Type
		field string
	}{
		{"name", Type{Name: "a..b"}, "name"},
		{"schema", Type{Name: "a", Schema: []byte(`{"type":1}`)}, "schema"},
		{"attributes", Type{Name: "a", AttributesSchema: []byte(`{"$ref":"x.json"}`)}, "attributesSchema"},
		{"broken JSON", Type{Name: "a", Schema: []byte(`{"type":`)}, "schema"},
		{"example", Type{Name: "a", Schema: []byte(orderSchema), Example: []byte(`{"amount":"1"}`)}, "example"},
		{"alias of a pack", Type{Name: "a", Aliases: []string{"call.completed"}}, "aliases"},
		{"itself", Type{Name: "a", Aliases: []string{"a"}}, "aliases"},
		{"version", Type{Name: "a", Version: strings.Repeat("1", 65)}, "version"},
		{"description", Type{Name: "a", Description: strings.Repeat("1", maxDescription+1)}, "description"},
	}
	for _, tt := range tests {
		_, err := r.Put(ctx, access.System(1), tt.typ)
		var p *problem.Error
		if !errors.As(err, &p) || len(p.Fields) != 1 || p.Fields[0].Name != tt.field {
			t.Errorf("%s: got %v, want a problem with the field %s", tt.name, err, tt.field)
		}
	}
	// An import is all or nothing.
	if _, err := r.PutMany(ctx, access.System(1), []Type{{Name: "good"}, {Name: "a..b"}}); err == nil {
		t.Error("PutMany with a bad type: got no error")
	}
	// A change that the store rejects stays invisible.
	store.fail = errors.New("disk full")
	if _, err := r.Put(ctx, access.System(1), Type{Name: "good"}); !errors.Is(err, store.fail) {
		t.Errorf("Put on a broken store: got %v, want its error", err)
	}
	off := false
	if err := r.UpdateRule(ctx, access.System(1), "urgent-call", func(*Rule) {}, &off); !errors.Is(err, store.fail) {
		t.Errorf("UpdateRule on a broken store: got %v, want its error", err)
	}
	if len(r.List(1)) != 23 || len(store.list) != 0 || !r.RuleList(1)[0].On {
		t.Errorf("got %d types and %d records after errors, want 23 and none", len(r.List(1)), len(store.list))
	}
	store.fail = nil
	for i := range MaxVersions {
		_, err := r.Put(ctx, access.System(1), Type{Name: "many", Version: string(rune('A' + i))})
		check(t, err)
	}
	if _, err := r.Put(ctx, access.System(1), Type{Name: "many", Version: "last"}); problem.KindOf(err) != problem.Invalid {
		t.Errorf("version %d: got %v, want Invalid", MaxVersions+1, err)
	}
	if typ, _ := r.Lookup(1, "many"); typ.Version != string(rune('A'+MaxVersions-1)) {
		t.Errorf("current version: got %q, want the last one put", typ.Version)
	}
}

// TestNamesAndAliasesAreTakenOnce checks that an import cannot use names or aliases of other types,
// whether existing or in the same import.
func TestNamesAndAliasesAreTakenOnce(t *testing.T) {
	r, _, _ := newRegistry(t)
	const tenant = 1
	if _, err := r.Put(t.Context(), access.System(tenant), Type{Name: "order.created", Aliases: []string{"order.placed"}}); err != nil {
		t.Fatal(err)
	}
	for _, types := range [][]Type{
		{{Name: "order.placed"}},
		{{Name: "notification.auth_link_clicked"}}, // an alias in a pack
		{{Name: "a", Aliases: []string{"order.placed"}}},
		{{Name: "a", Aliases: []string{"b"}}, {Name: "b"}},
		{{Name: "b"}, {Name: "a", Aliases: []string{"b"}}},
		{{Name: "a", Aliases: []string{"c"}}, {Name: "b", Aliases: []string{"c"}}},
	} {
		if _, err := r.Import(t.Context(), access.System(tenant), types, nil, false); problem.KindOf(err) != problem.Invalid {
			t.Errorf("importing %+v: got %v, want it refused", types, err)
		}
		for _, name := range []string{"a", "b", "c"} {
			if x, ok := r.Lookup(tenant, name); ok {
				t.Fatalf("after an import that was refused: %q is %q, want nothing stored", name, x.Name)
			}
		}
	}
	if x, ok := r.Lookup(tenant, "order.placed"); !ok || x.Name != "order.created" {
		t.Errorf("order.placed: got %+v, %v, want the alias as it was", x, ok)
	}
	// Importing the same type with its aliases again takes no name from another type.
	again := []Type{{Name: "order.created", Aliases: []string{"order.placed", "order.made"}}, {Name: "a", Aliases: []string{"b"}}}
	if list, err := r.Import(t.Context(), access.System(tenant), again, nil, false); err != nil || len(list) != 2 {
		t.Errorf("importing %+v: got %+v, %v, want both", again, list, err)
	}
}

// TestRegistryReadersDuringChanges is for the race detector.
func TestRegistryReadersDuringChanges(t *testing.T) {
	r, _, _ := newRegistry(t)
	_, err := r.Put(t.Context(), access.System(1), Type{Name: "order.created", Schema: []byte(orderSchema)})
	check(t, err)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				r.Check(&event.Event{Tenant: 1, Type: "order.created", Data: []byte(`{"amount":1}`)})
				r.List(1)
				r.Rules(1).On("call.completed")
			}
		})
	}
	for i := range 50 {
		check(t, r.Set(t.Context(), access.System(1), "order.created", func(s *Settings) { s.Deprecated = i%2 == 0 }))
	}
	wg.Wait()
}

func TestFilePack(t *testing.T) {
	p, err := ReadFile([]byte("types: [{name: order.created, validation: strict, schema: " + orderSchema + "}]"))
	check(t, err)
	r, err := NewRegistry(t.Context(), new(memory), Options{Packs: append(Builtin(), p)})
	check(t, err)
	if _, refuse := r.Check(&event.Event{Tenant: 9, Type: "order.created", Data: []byte(`{}`)}); !refuse {
		t.Error("a type of the operator's file, strict: got accepted, want refused")
	}
	check(t, r.Set(t.Context(), access.System(9), "order.created", func(s *Settings) { s.Validation = Off }))
	if list, _ := r.Check(&event.Event{Tenant: 9, Type: "order.created", Data: []byte(`{}`)}); list != nil {
		t.Errorf("switched off by the tenant: got %v, want none", list)
	}
}
