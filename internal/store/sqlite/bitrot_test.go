package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/testenv"
)

// rotten is a folder with a known content, as a stopped and as a killed process leave it.
type rotten struct {
	stopped, killed string
	events          map[event.ID]event.Event
	attempts        map[event.ID]*delivery.Attempt
}

func newRotten(t *testing.T) *rotten {
	t.Helper()
	ctx := context.Background()
	r := &rotten{
		stopped: filepath.Join(t.TempDir(), "stopped"), killed: filepath.Join(t.TempDir(), "killed"),
		events: make(map[event.ID]event.Event), attempts: make(map[event.ID]*delivery.Attempt),
	}
	if err := os.Mkdir(r.stopped, 0o700); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, r.stopped)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		text := make([]byte, 200+rng.IntN(3000)) // does not compress, so that most of a file is bodies
		for k := range text {
			text[k] = byte('!' + rng.IntN(90))
		}
		storetest.MustAppend(t, s, storetest.Publication(storetest.Event(fmt.Sprint("k", i), "a", string(text)), storetest.Event("", "b", fmt.Sprint(i))))
		if i%10 == 0 {
			if err := s.Record(ctx, &delivery.Record{Attempts: storetest.MakeAttempts(time.Now(), 12)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, e := range storetest.MustList(t, s, ingest.Query{Limit: 250}) {
		r.events[e.ID] = e
	}
	for _, tenant := range []event.TenantID{1, 2} {
		for q := (delivery.LogQuery{Tenant: tenant, Limit: 250}); ; {
			list, next, err := s.AttemptList(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range list {
				whole, ok, err := s.AttemptGet(ctx, tenant, a.ID)
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				r.attempts[a.ID] = whole
			}
			if next == 0 {
				break
			}
			q.Before = next
		}
	}
	copyStore(t, r.stopped, r.killed)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// damage is how a copy of the folder was broken, and what became of it.
type damage struct {
	dir, where string
	refused    error             // the store did not open
	told       []error           // what could not be read
	events     map[event.ID]bool // those that came back
	wrong      []string          // content that was never stored
	moved      int               // what came back whole, under another id
}

// open opens the damaged copy and reads all of it.
func (r *rotten) open(t *testing.T, d *damage) {
	t.Helper()
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: d.dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		d.refused = err
		return
	}
	defer s.Close()
	d.events = make(map[event.ID]bool)
	check := func(how string, list []event.Event, err error) {
		if err != nil {
			d.told = append(d.told, err)
		}
		for _, e := range list {
			want, ok := r.events[e.ID]
			d.events[e.ID] = true
			same := func(o event.Event) bool {
				return e.Tenant == o.Tenant && e.Type == o.Type && e.Name == o.Name && string(e.Data) == string(o.Data) && e.Time.Equal(o.Time)
			}
			switch {
			case ok && same(want):
			case slices.ContainsFunc(slices.Collect(maps.Values(r.events)), same):
				d.moved++
			default:
				d.wrong = append(d.wrong, fmt.Sprintf("%s: event %d came back as %q %q with %d bytes", how, e.ID, e.Type, e.Name, len(e.Data)))
			}
		}
	}
	ids := make([]event.ID, 0, len(r.events))
	for id := range r.events {
		ids = append(ids, id)
	}
	list, err := s.EventGetMany(ctx, ids)
	check("reading", list, err)
	for q := (ingest.Query{Tenant: 1, Limit: 100}); ; {
		page, next, err := s.EventList(ctx, q)
		if check("listing", page, err); err != nil || next == 0 || next >= q.Before && q.Before > 0 {
			break
		}
		q.Before = next
	}
	err = s.IntakeOpen(ctx, func(in delivery.Intake) error { check("recovering", in.Events, nil); return nil })
	check("recovering", nil, err)
	for id, want := range r.attempts {
		a, ok, err := s.AttemptGet(ctx, want.Tenant, id)
		if err != nil {
			d.told = append(d.told, err)
		} else if ok && !reflect.DeepEqual(a, want) {
			if slices.ContainsFunc(slices.Collect(maps.Values(r.attempts)), func(o *delivery.Attempt) bool {
				moved := *o
				moved.ID = a.ID
				return reflect.DeepEqual(a, &moved)
			}) {
				d.moved++
				continue
			}
			d.wrong = append(d.wrong, fmt.Sprintf("attempt %d came back as %+v, want %+v", id, a, want))
		}
	}
	if _, err := s.WebhookList(ctx); err != nil {
		d.told = append(d.told, err)
	}
}

// files returns the SQLite files of a folder and their sizes.
func files(t *testing.T, dir string, suffixes ...string) (names []string, sizes []int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		for _, suffix := range suffixes {
			if err == nil && strings.HasSuffix(path, suffix) && info.Size() > 0 {
				rel, _ := filepath.Rel(dir, path)
				names, sizes = append(names, rel), append(sizes, info.Size())
			}
		}
		return err
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("looking for files in %q: %v, %v", dir, names, err)
	}
	return names, sizes
}

// TestBitRot flips one bit of the stored files, again and again. Whatever comes back of events and
// of the log was stored, byte for byte, and a store that cannot be opened says which.
//
// Blocks have checksums, but the pages of the file that lead to them have none. So a few bits in a
// thousand give a block another id, or hide it without a word; the test counts these.
func TestBitRot(t *testing.T) {
	flips := testenv.Count(t, "RELAY_FAULT_FLIPS", 40, 10)
	rng := testenv.Random(t)
	r := newRotten(t)
	names, sizes := files(t, r.stopped, ".db")
	total := int64(0)
	for _, n := range sizes {
		total += n
	}
	var refused, told, wrong, moved, silent int
	for n := range flips {
		d := &damage{dir: filepath.Join(t.TempDir(), fmt.Sprint(n))}
		copyStore(t, r.stopped, d.dir)
		i := rng.IntN(len(names)) // small files hold what matters most
		if n%2 == 1 {
			at := rng.Int64N(total)
			for i = 0; at >= sizes[i]; i++ {
				at -= sizes[i]
			}
		}
		path := filepath.Join(d.dir, names[i])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bit, at := byte(1)<<rng.IntN(8), rng.IntN(len(b))
		for try := 0; b[at] == 0 && try < 1000; try++ { // much of a file is reserved and empty
			at = rng.IntN(len(b))
		}
		d.where = fmt.Sprintf("bit %08b of byte %d of %s", bit, at, names[i])
		b[at] ^= bit
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r.open(t, d)
		switch {
		case d.refused != nil:
			refused++
			if text := d.refused.Error(); !strings.Contains(text, filepath.Base(names[i])) && !strings.Contains(text, d.dir) {
				t.Errorf("%s: the store refused to open and said %q, want the file or the folder named", d.where, d.refused)
			}
		case len(d.told) > 0:
			told++
		}
		for _, w := range d.wrong {
			wrong++
			t.Errorf("%s: %s", d.where, w)
		}
		if d.moved > 0 {
			moved++
			t.Logf("%s: %d times something came back under another id", d.where, d.moved)
		}
		if missing := len(r.events) - len(d.events); d.refused == nil && len(d.told) == 0 && missing > 0 {
			silent++
			t.Logf("%s: %d events are missing, and nothing says so", d.where, missing)
		}
		os.RemoveAll(d.dir)
	}
	testenv.Report(t, testenv.Figures{Faults: flips, Accepted: len(r.events), Wrong: wrong})
	t.Logf("%d flipped bits: %d times the store refused to open, %d times it named what is damaged, %d times a block came back under another id, %d times one was hidden",
		flips, refused, told, moved, silent)
}

// TestCutWAL cuts off the end of a file's WAL, or flips a bit of it. SQLite reads a WAL up to its
// first damaged frame: later events are gone, and no earlier one.
func TestCutWAL(t *testing.T) {
	cuts := testenv.Count(t, "RELAY_FAULT_FLIPS", 20, 6)
	rng := testenv.Random(t)
	r := newRotten(t)
	names, sizes := files(t, r.killed, ".db-wal")
	wrong := 0
	for n := range cuts {
		d := &damage{dir: filepath.Join(t.TempDir(), fmt.Sprint(n))}
		copyStore(t, r.killed, d.dir)
		i := rng.IntN(len(names))
		path, at := filepath.Join(d.dir, names[i]), rng.Int64N(sizes[i])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d.where = fmt.Sprintf("%s cut at %d of %d", names[i], at, sizes[i]); n%2 == 0 {
			b = b[:at]
		} else {
			d.where = fmt.Sprintf("a bit of byte %d of %s", at, names[i])
			b[at] ^= 1 << rng.IntN(8)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r.open(t, d)
		if d.refused != nil {
			t.Errorf("%s: the store did not open: %v", d.where, d.refused)
		}
		for _, w := range d.wrong {
			wrong++
			t.Errorf("%s: %s", d.where, w)
		}
		if d.refused == nil && !strings.Contains(names[i], "events") && len(d.events) != len(r.events) {
			t.Errorf("%s: got %d events, want all %d, which lie in other files", d.where, len(d.events), len(r.events))
		}
		last := event.ID(0) // of those that came back
		for id := range d.events {
			last = max(last, id)
		}
		for id := range r.events {
			if id < last && !d.events[id] {
				t.Errorf("%s: event %d is gone, and a later one is there", d.where, id)
				break
			}
		}
		checkFiles(t, d.dir)
		os.RemoveAll(d.dir)
	}
	testenv.Report(t, testenv.Figures{Faults: cuts, Accepted: len(r.events), Wrong: wrong})
}
