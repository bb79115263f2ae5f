package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/sqlite/sqlitetest"
	"github.com/relay-events/relay/internal/store/storetest"
)

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// load stores events, settles every second intake and leaves a delivery of the others owed, until
// stop.
type load struct {
	acked  atomic.Pointer[[]event.ID] // all ids acknowledged
	people atomic.Pointer[[]event.ID] // all ids of acknowledged respondents
	ended  sync.WaitGroup
	stop   context.CancelFunc
}

func startLoad(t *testing.T, s *sqlite.Store) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop}
	l.acked.Store(new([]event.ID))
	l.people.Store(new([]event.ID))
	l.ended.Go(func() {
		last := event.ID(0) // respondent
		for n := 0; ctx.Err() == nil; n++ {
			p := storetest.Publication(storetest.Event(fmt.Sprint("e", n), "a.b", fmt.Sprint(n)), storetest.Event("", "a.b", "x"))
			intakes, err := s.Append(ctx, []*ingest.Publication{p})
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("storing: %v", err)
				}
				return
			}
			ids := slices.Clone(*l.acked.Load())
			r := new(delivery.Record)
			for _, in := range intakes {
				for i := range in.Events {
					ids = append(ids, in.Events[i].ID)
				}
				switch n % 3 {
				case 0:
					a := storetest.MakeAttempts(time.Now(), 1)[0]
					a.Event, a.Outcome = in.ID, delivery.Delivered
					r.Attempts, r.Close = []*delivery.Attempt{a}, []event.ID{in.ID}
				case 1:
					r.Owe = []delivery.Owed{{Event: in.ID, Webhook: 1, Tenant: 1, Due: time.Now(), Since: time.Now()}}
					r.Close = []event.ID{in.ID}
				}
			}
			if err := s.Record(ctx, r); err != nil && ctx.Err() == nil {
				t.Errorf("recording: %v", err)
			}
			l.acked.Store(&ids)
			someone := &gate.Respondent{
				Tenant: 1, Campaign: int64(n%3 + 1), State: gate.States[n%2], Round: 1, Payload: fmt.Appendf(nil, `{"campaignId":1,"respondent":{"n":%d}}`, n),
				Once: fmt.Sprint("i/dixa/", n), LogKey: []byte("key"), CreatedAt: time.Now(),
			}
			change := &gate.Change{Add: someone}
			if n%4 == 0 { // and some are decided
				err = s.RespondentWrite(ctx, []*gate.Change{change, {Move: &gate.Move{Tenant: 1, ID: last, From: gate.Pending, Round: 1, To: gate.Rejected, At: time.Now()}}})
			} else {
				err = s.RespondentWrite(ctx, []*gate.Change{change})
			}
			if err != nil {
				if ctx.Err() == nil {
					t.Errorf("storing a respondent: %v", err)
				}
				return
			}
			last = someone.ID
			people := append(slices.Clone(*l.people.Load()), someone.ID)
			l.people.Store(&people)
		}
	})
	t.Cleanup(l.end)
	return l
}

func (l *load) end() { l.stop(); l.ended.Wait() }

// check opens a restored folder and checks that every id is there, and is settled, owed or open.
func check(t *testing.T, dir string, ids []event.ID) {
	t.Helper()
	s := open(t, dir)
	got, err := s.EventGetMany(t.Context(), ids)
	if err != nil || len(got) != len(ids) {
		t.Fatalf("got %d events, %v, want %d", len(got), err, len(ids))
	}
	known := make(map[event.ID]bool)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.IntakeOpen(t.Context(), func(in delivery.Intake) error {
		for i := range in.Events {
			known[in.Events[i].ID] = true
		}
		return nil
	}))
	must(s.SettledSince(t.Context(), 0, func(d event.DeliveryID) { known[d.Event], known[d.Event+1] = true, true }))
	for before := (event.DeliveryID{Event: 1<<63 - 1}); ; {
		page, err := s.OwedList(t.Context(), delivery.OwedQuery{Tenant: 1, Webhook: 1, Before: before, Limit: 1000})
		must(err)
		for _, o := range page {
			known[o.Event], known[o.Event+1] = true, true
		}
		if len(page) < 1000 {
			break
		}
		before = event.DeliveryID{Event: page[999].Event, Webhook: 1}
	}
	for i, id := range ids {
		if !known[id] {
			t.Fatalf("event %d of %d is neither settled nor owed nor open", i, len(ids))
		}
	}
}

// checkPeople checks that respondents are complete in a restored folder, with their campaigns and
// the gate's settings.
func checkPeople(t *testing.T, dir string, ids []event.ID) {
	t.Helper()
	s := open(t, dir)
	for n, id := range ids {
		r, ok, err := s.RespondentGet(t.Context(), 1, id)
		if want := fmt.Sprintf(`{"campaignId":1,"respondent":{"n":%d}}`, n); err != nil || !ok || string(r.Payload) != want || string(r.LogKey) != "key" || r.Once != fmt.Sprint("i/dixa/", n) {
			t.Fatalf("respondent %d of %d: got %+v, %t, %v, want %s", n, len(ids), r, ok, err, want)
		}
	}
	if list, err := s.CampaignList(t.Context(), 1, 0, 10); err != nil || len(list) != 3 {
		t.Errorf("got campaigns %+v, %v, want 3", list, err)
	}
	settings := 0
	if err := s.GateList(t.Context(), func(event.TenantID, []byte) error { settings++; return nil }); err != nil || settings != 1 {
		t.Errorf("got the settings of %d gates, %v, want 1", settings, err)
	}
	if audit, _, err := s.AuditList(t.Context(), access.Query{Tenant: 1, Limit: 10}); err != nil || len(audit) != 1 {
		t.Errorf("got the audit log %+v, %v, want an entry", audit, err)
	}
}

func TestBackupUnderLoad(t *testing.T) {
	for _, to := range []string{"backup", "backup.tar"} {
		t.Run(to, func(t *testing.T) {
			dir := t.TempDir()
			data := filepath.Join(dir, "data")
			s := open(t, data)
			if err := s.GatePut(t.Context(), 1, []byte(`{}`), nil); err != nil {
				t.Fatal(err)
			}
			if err := s.AuditAppend(t.Context(), &access.Entry{Tenant: 1, At: time.Now(), Action: "gate.update"}); err != nil {
				t.Fatal(err)
			}
			l := startLoad(t, s)
			for len(*l.acked.Load()) < 60 {
				time.Sleep(time.Millisecond) // gives load time to work; the duration does not matter
			}
			if err := os.WriteFile(filepath.Join(data, KeyName), []byte("key"), 0o600); err != nil {
				t.Fatal(err)
			}
			place := filepath.Join(dir, to)
			for round := range 3 {
				before, people := *l.acked.Load(), *l.people.Load()
				m, err := Create(t.Context(), CreateOptions{Data: data, To: place, Version: "1"})
				if err != nil {
					t.Fatal(err)
				}
				if !m.HasKey() || m.Version != "1" || len(m.Files) < 5 {
					t.Errorf("got %+v", m)
				}
				restored := filepath.Join(dir, fmt.Sprint("restored", round))
				if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: restored}); err != nil {
					t.Fatal(err)
				}
				t.Run(fmt.Sprint("events ", round), func(t *testing.T) { check(t, restored, before) })
				t.Run(fmt.Sprint("respondents ", round), func(t *testing.T) { checkPeople(t, restored, people) })
				if b, err := os.ReadFile(filepath.Join(restored, KeyName)); string(b) != "key" || err != nil {
					t.Errorf("the file of keys: got %q, %v", b, err)
				}
				if err := os.RemoveAll(place); err != nil {
					t.Fatal(err)
				}
			}
			l.end()
			left, err := filepath.Glob(filepath.Join(dir, "*partial*"))
			if len(left) > 0 || err != nil {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// made makes a backup of a small store.
func made(t *testing.T, to string) (place string, ids []event.ID) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "data"))
	p := storetest.Publication(storetest.Event("a", "a.b", "1"))
	storetest.MustAppend(t, s, p)
	place = filepath.Join(dir, to)
	if _, err := Create(t.Context(), CreateOptions{Data: filepath.Join(dir, "data"), To: place}); err != nil {
		t.Fatal(err)
	}
	return place, []event.ID{p.Items[0].Event.ID}
}

func TestNothingIsOverwritten(t *testing.T) {
	place, ids := made(t, "b.tar")
	data := filepath.Join(filepath.Dir(place), "data")
	if _, err := Create(t.Context(), CreateOptions{Data: data, To: place}); !errors.Is(err, ErrExists) {
		t.Errorf("a backup where there is one: got %v, want ErrExists", err)
	}
	if _, err := Create(t.Context(), CreateOptions{Data: data, To: filepath.Join(data, "b")}); err == nil || !strings.Contains(err.Error(), "inside the data folder") {
		t.Errorf("a backup into the data: got %v, want a refusal", err)
	}
	if _, err := Create(t.Context(), CreateOptions{Data: t.TempDir(), To: place + "2"}); !errors.Is(err, sqlite.ErrNoData) {
		t.Errorf("a backup of nothing: got %v, want ErrNoData", err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: full}); err == nil || !strings.Contains(err.Error(), `not empty (it contains "mine")`) {
		t.Errorf("a restore where there is something: got %v, want a refusal", err)
	}
	empty := t.TempDir()
	if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: empty}); err != nil {
		t.Fatal(err)
	}
	check(t, empty, ids)
}

func TestInterruptedBackupLeavesNothing(t *testing.T) {
	place, _ := made(t, "b.tar")
	dir := filepath.Dir(place)
	for _, to := range []string{"c", "c.tar"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Create(ctx, CreateOptions{
			Data: filepath.Join(dir, "data"), To: filepath.Join(dir, to),
			Progress: func(name string, _, _ int64) {
				if strings.HasPrefix(name, "events/") {
					cancel()
				}
			},
		})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was canceled", err)
		}
	}
	entries, err := os.ReadDir(dir)
	if len(entries) != 2 || err != nil {
		t.Errorf("got %v, %v, want the data and one backup", entries, err)
	}
}

func TestInterruptedRestoreBeginsAnew(t *testing.T) {
	place, ids := made(t, "b")
	data := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := Restore(ctx, RestoreOptions{From: place, Data: data, Progress: func(name string, _, _ int64) {
		if name == "work.db" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was canceled", err)
	}
	if _, err := os.Stat(filepath.Join(data, "relay.db")); err != nil {
		t.Errorf("the test needs a restore that got somewhere: %v", err)
	}
	if s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: data}); err == nil || !strings.Contains(err.Error(), "was interrupted") {
		t.Errorf("opening it: got %v, %v, want a refusal", s, err)
	}
	if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: data}); err != nil {
		t.Fatal(err)
	}
	check(t, data, ids)
}

func TestDamagedBackupsAreRefused(t *testing.T) {
	edit := func(f func(m *Manifest)) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			file := filepath.Join(dir, ManifestName)
			b, err := os.ReadFile(file)
			var m Manifest
			if err := errors.Join(err, json.Unmarshal(b, &m)); err != nil {
				t.Fatal(err)
			}
			f(&m)
			if b, err = json.Marshal(m); err == nil {
				err = os.WriteFile(file, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	rename := func(name string) func(t *testing.T, dir string) {
		return edit(func(m *Manifest) {
			i := slices.IndexFunc(m.Files, func(f File) bool { return f.Name != name })
			m.Files[i].Name = name
		})
	}
	for name, test := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   string
	}{
		"a bit": {func(t *testing.T, dir string) {
			file := filepath.Join(dir, "relay.db")
			b, err := os.ReadFile(file)
			if err == nil {
				b[len(b)/2] ^= 1
				err = os.WriteFile(file, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}, `"relay.db" has`},
		"cut":         {func(_ *testing.T, dir string) { os.Truncate(filepath.Join(dir, "relay.db"), 4096) }, `"relay.db" has 4096 bytes`},
		"longer":      {edit(func(m *Manifest) { m.Files[0].Bytes-- }), "longer than it was"},
		"gone":        {func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, "work.db")) }, `"work.db" is missing`},
		"no manifest": {func(_ *testing.T, dir string) { os.Remove(filepath.Join(dir, ManifestName)) }, "not a backup of Relay"},
		"no json":     {func(_ *testing.T, dir string) { os.WriteFile(filepath.Join(dir, ManifestName), []byte("{"), 0o600) }, "not a backup of Relay"},
		"newer":       {edit(func(m *Manifest) { m.Format, m.Version = 2, "9.0.0" }), "made by a newer Relay (9.0.0, format 2)"},
		"empty":       {edit(func(m *Manifest) { m.Files = nil }), "not a backup of Relay"},
		"outside":     {rename("../a.db"), "a backup cannot contain"},
		"absolute":    {rename("/etc/a.db"), "a backup cannot contain"},
		"drive":       {rename(`c:\a.db`), "a backup cannot contain"},
		"other kind":  {rename("events/a.sh"), "a backup cannot contain"},
		"twice":       {rename("relay.db"), "a backup cannot contain"},
		"not clean":   {rename("events//a.db"), "a backup cannot contain"},
	} {
		t.Run(name, func(t *testing.T) {
			place, _ := made(t, "b")
			test.damage(t, place)
			data := filepath.Join(t.TempDir(), "data")
			if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: data}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := os.Stat(data); errors.Is(err, os.ErrNotExist) {
				return // it was rejected before any write
			}
			if s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: data}); err == nil {
				s.Close()
				t.Error("a store opens on a part of it")
			}
		})
	}
}

func TestDamagedTarIsRefused(t *testing.T) {
	place, _ := made(t, "b.tar")
	whole, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(place, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Restore(t.Context(), RestoreOptions{From: place, Data: filepath.Join(t.TempDir(), "data")}); err == nil {
			t.Errorf("%s was restored", what)
		}
	}
	for _, n := range []int{0, 100, len(whole) / 2, len(whole) - 8192} {
		refused(fmt.Sprintf("a backup cut to %d of %d bytes", n, len(whole)), whole[:n])
	}
	var more bytes.Buffer
	w, r := tar.NewWriter(&more), tar.NewReader(bytes.NewReader(whole))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.WriteHeader(h)
		}
		if err == nil {
			_, err = io.Copy(w, r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.WriteHeader(&tar.Header{Name: "events/more.db", Mode: 0o600}), w.Close()); err != nil {
		t.Fatal(err)
	}
	refused("a backup with one file more", more.Bytes())
}

// Backing up a folder with damage from the disk succeeds and lists the damaged data. For a folder
// without damage the list is empty.
func TestDamagedData(t *testing.T) {
	for _, damaged := range []int{0, 1, 3} {
		dir := t.TempDir()
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		var ids []event.ID
		for i := range 6 {
			p := storetest.Publication(storetest.Event("", "a", fmt.Sprintf(`"%s%d"`, strings.Repeat("abcdefgh", 40), i)))
			storetest.MustAppend(t, s, p)
			ids = append(ids, p.Items[0].Event.ID)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for i := range damaged {
			sqlitetest.Damage(t, dir, ids[2*i])
		}
		to := filepath.Join(t.TempDir(), "b.tar")
		m, err := Create(t.Context(), CreateOptions{Data: dir, To: to})
		if err != nil {
			t.Fatalf("%d damaged blocks: %v", damaged, err)
		}
		if len(m.Damaged) != damaged {
			t.Errorf("%d damaged blocks: got %q", damaged, m.Damaged)
		}
		for i, text := range m.Damaged {
			if !strings.HasPrefix(text, "events/") || !strings.Contains(text, fmt.Sprint(int64(ids[2*i]))) {
				t.Errorf("got %q, want it to name the file and block %d", text, ids[2*i])
			}
		}
		if _, err := Restore(t.Context(), RestoreOptions{From: to, Data: filepath.Join(t.TempDir(), "data")}); err != nil {
			t.Errorf("restoring a backup with %d damaged blocks: %v", damaged, err)
		}
	}
}

// A missing folder means that a disk is not mounted, or a misspelt path: no backup is made.
func TestFolderOfTheBackupMustExist(t *testing.T) {
	for _, name := range []string{"x.tar", "x", filepath.Join("deeper", "x.tar")} {
		missing := filepath.Join(t.TempDir(), "missing")
		to := filepath.Join(missing, name)
		for range 2 {
			if _, err := newTarget(to, false); !errors.Is(err, ErrNoFolder) || !strings.Contains(err.Error(), filepath.Dir(to)) {
				t.Errorf("%s: got %v, want %v with the folder", name, err, ErrNoFolder)
			}
			if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the folder was made: %v", name, err)
			}
		}
		d, err := newTarget(to, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.discard(); err != nil {
			t.Error(err)
		}
	}
}
