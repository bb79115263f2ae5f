package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/store/utcday"
)

func TestSecondOpenIsRefused(t *testing.T) {
	b := newBackend(t)
	s, err := Open(context.Background(), Options{Dir: b.dir, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		s.Close()
		t.Fatal("the folder was opened twice")
	}
	if !strings.Contains(err.Error(), "another Relay uses this folder") {
		t.Errorf("got %q, want it to say that another Relay uses the folder", err)
	}
	b.Reopen(t)
}

func TestOpenRefusesANode(t *testing.T) {
	for _, node := range []int{-1, event.MaxNode + 1} {
		if s, err := Open(context.Background(), Options{Dir: t.TempDir(), Node: node}); err == nil {
			s.Close()
			t.Errorf("node %d was accepted", node)
		}
	}
}

func TestFilesAreTheOwnersOnly(t *testing.T) {
	b := newBackend(t)
	storetest.MustAppend(t, b, storetest.Publication(storetest.Event("a", "a", "a")))
	err := filepath.WalkDir(b.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		if got := fi.Mode().Perm(); path != b.dir && got&0o077 != 0 {
			t.Errorf("%s has mode %o, want nothing for others", path, got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestKeysAreMadeAnew loses the file of idempotency keys in several ways.
func TestKeysAreMadeAnew(t *testing.T) {
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]func(t *testing.T, path string){
		"removed": remove,
		"overwritten": func(t *testing.T, path string) {
			if err := os.WriteFile(path, bytes.Repeat([]byte("garbage "), 4096), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"emptied": func(t *testing.T, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, lose := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t)
			var ids []event.ID
			for i := range 50 {
				p := storetest.Publication(storetest.Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)))
				storetest.MustAppend(t, b, p)
				ids = append(ids, p.Items[0].Event.ID)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			lose(t, filepath.Join(b.dir, "keys.db"))
			b.Store = openStore(t, b.dir)
			for i, id := range ids {
				p := storetest.Publication(storetest.Event(fmt.Sprint("k", i), "a", fmt.Sprint(i)))
				if storetest.MustAppend(t, b, p); !p.Items[0].Duplicate || p.Items[0].Event.ID != id {
					t.Errorf("key %d: got duplicate %t of %d, want of %d", i, p.Items[0].Duplicate, p.Items[0].Event.ID, id)
				}
			}
		})
	}
}

// TestManyKeys writes more keys than are kept in memory.
func TestManyKeys(t *testing.T) {
	b := newBackend(t)
	pub := func(from, to int) *ingest.Publication {
		p := storetest.Publication()
		for i := from; i < to; i++ {
			p.Items = append(p.Items, storetest.Event(fmt.Sprint("k", i), "a", ""))
		}
		return p
	}
	const all, group = 3 * flushKeys, 2000
	for from := 0; from < all; from += group {
		storetest.MustAppend(t, b, pub(from, from+group))
	}
	for _, reopen := range []bool{false, true} {
		if reopen {
			b.Reopen(t)
		}
		for from := 0; from < all; from += group {
			p := pub(from, from+group)
			if intakes := storetest.MustAppend(t, b, p); p.Err != nil || len(intakes) != 0 {
				t.Fatalf("keys from %d again: got %v and %d intakes, want duplicates", from, p.Err, len(intakes))
			}
		}
	}
}

// TestDamagedBlock changes one byte of an event on the disk.
func TestDamagedBlock(t *testing.T) {
	b := newBackend(t)
	var in []delivery.Intake
	for i := range 3 {
		data := fmt.Sprintf("%d %x", i, bytes.Repeat([]byte{byte(17 * i), 3, byte(i)}, 40))
		in = append(in, storetest.MustAppend(t, b, storetest.Publication(storetest.Event(fmt.Sprint("k", i), "a", data), storetest.Event("", "b", data)))...)
	}
	var body []byte
	f, err := b.events.acquire(utcday.Of(in[1].ID))
	if err != nil {
		t.Fatal(err)
	}
	err = f.read(context.Background(), func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error { body = s.ColumnBlob(4, nil); return nil }, sqlBlockAt, in[1].ID)
	})
	b.events.release(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := b.events.path(utcday.Of(in[1].ID))
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, body)
	if at < 0 {
		t.Fatal("the block's bytes are not in the file")
	}
	file[at+len(body)/2] ^= 0x20
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Store = openStore(t, b.dir)

	ctx := context.Background()
	got, err := b.EventGetMany(ctx, []event.ID{in[0].ID, in[1].ID, in[2].ID})
	if !errors.Is(err, ErrDamaged) || errors.Is(err, problem.ErrUnavailable) || !strings.Contains(err.Error(), fmt.Sprint(in[1].ID)) {
		t.Errorf("got error %v, want %v that names block %d", err, ErrDamaged, in[1].ID)
	}
	if len(got) != 2 {
		t.Errorf("got %d events, want the 2 others", len(got))
	}
	if got, err := b.EventGetMany(ctx, []event.ID{in[0].ID, in[2].ID + 1}); err != nil || len(got) != 2 {
		t.Errorf("the others alone: got %d events, %v", len(got), err)
	}
	if list := storetest.MustList(t, b, ingest.Query{}); len(list) != 4 {
		t.Errorf("got a list of %d events, want the 4 others", len(list))
	}
	n := 0
	if err := b.IntakeOpen(ctx, func(delivery.Intake) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("got %d open intakes, %v, want the 2 others", n, err)
	}
	// Its key is still taken.
	p := storetest.Publication(storetest.Event("k1", "a", string(in[1].Events[0].Data)))
	if storetest.MustAppend(t, b, p); p.Err != nil || !p.Items[0].Duplicate || p.Items[0].Event.ID != in[1].ID {
		t.Errorf("its key again: got %v, duplicate %t of %d, want of %d", p.Err, p.Items[0].Duplicate, p.Items[0].Event.ID, in[1].ID)
	}
}

// TestClockSetBack opens a store of today under synctest, where it is 2000.
func TestClockSetBack(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	p := storetest.Publication(storetest.Event("k", "a", "before"))
	last := storetest.MustAppend(t, s, p)[0].ID
	if err := s.Record(context.Background(), &delivery.Record{Close: []event.ID{last}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t, dir)
		var ids []event.ID
		for i := range 20 {
			in := storetest.MustAppend(t, s, storetest.Publication(storetest.Event(fmt.Sprint(i), "a", "after")))
			if in[0].ID <= last {
				t.Fatalf("got id %d after %d", in[0].ID, last)
			}
			last = in[0].ID
			ids = append(ids, last)
			time.Sleep(time.Hour)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openStore(t, dir)
		defer s.Close()
		if got := storetest.MustList(t, s, ingest.Query{}); len(got) != 21 || got[0].ID != last || got[20].ID != p.Items[0].Event.ID {
			t.Errorf("got %d events, want 21 in order of their ids", len(got))
		}
		open := 0
		if err := s.IntakeOpen(context.Background(), func(in delivery.Intake) error {
			if in.ID != ids[open] {
				t.Errorf("open intake %d: got %d, want %d", open, in.ID, ids[open])
			}
			open++
			return nil
		}); err != nil || open != len(ids) {
			t.Errorf("got %d open intakes, %v, want %d", open, err, len(ids))
		}
	})
}

// TestGroupAtMidnight appends groups of several intakes around midnight, which
// must lie in one file.
func TestGroupAtMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		time.Sleep(24*time.Hour - 3*time.Millisecond)
		var want []event.ID
		for range 8 {
			p := storetest.Publication()
			for range 3 * event.MaxReserve {
				p.Items = append(p.Items, storetest.Event("", "a", ""))
			}
			intakes := storetest.MustAppend(t, b, p)
			for _, in := range intakes {
				if utcday.Of(in.ID) != utcday.Of(intakes[0].ID) {
					t.Errorf("a group lies in two days: %v and %v", in.ID.Time(), intakes[0].ID.Time())
				}
				want = append(want, in.ID, in.ID+event.ID(len(in.Events))-1)
			}
			time.Sleep(time.Millisecond)
		}
		if got := b.events.days(); len(got) != 2 {
			t.Errorf("got files of %v, want two days", got)
		}
		if got, err := b.EventGetMany(context.Background(), want); err != nil || len(got) != len(want) {
			t.Errorf("got %d events, %v, want %d", len(got), err, len(want))
		}
	})
}

// TestManyDays reads and appends over more days than files are kept open.
func TestManyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		var ids []event.ID
		for i := range 40 {
			in := storetest.MustAppend(t, b, storetest.Publication(storetest.Event("", "a", fmt.Sprint(i))))
			ids = append(ids, in[0].ID)
			if got, err := b.EventGetMany(context.Background(), ids); err != nil || len(got) != len(ids) {
				t.Fatalf("day %d: got %d events, %v, want %d", i, len(got), err, len(ids))
			}
			time.Sleep(24 * time.Hour)
		}
		b.events.mu.Lock()
		open := len(b.events.open)
		b.events.mu.Unlock()
		if open > maxOpenDays+1 {
			t.Errorf("%d files are open, want at most %d", open, maxOpenDays+1)
		}
	})
}

// TestListStopsInTime pages through a list that has time for one block a page.
func TestListStopsInTime(t *testing.T) {
	defer func(d time.Duration) { listFor = d }(listFor)
	listFor = 0
	b := newBackend(t)
	for i := range 10 {
		storetest.MustAppend(t, b, storetest.Publication(
			storetest.Event("", "a", fmt.Sprint(i)), storetest.Event("", "b", fmt.Sprint(i)), storetest.Event("", "b", fmt.Sprint(i))))
	}
	page, next, err := b.EventList(context.Background(), ingest.Query{Tenant: 1, Type: "none", Limit: 10})
	if err != nil || len(page) != 0 || next == 0 {
		t.Errorf("got %d events, cursor %d, %v, want none and a cursor", len(page), next, err)
	}
	for _, limit := range []int{1, 2, 5} {
		if got := storetest.MustList(t, b, ingest.Query{Type: "b", Limit: limit}); len(got) != 20 {
			t.Errorf("limit %d: got %d events, want 20", limit, len(got))
		}
	}
}

func FuzzRecord(f *testing.F) {
	it := storetest.Event("name", "type", "data")
	f.Add(appendRecord(nil, &it.Event, it.Key, &it.Digest, 0))
	it.Event.Cause, it.Event.DeliverAt, it.Event.Attributes = 7, time.Unix(5, 0), []byte("{}")
	f.Add(appendRecord(nil, &it.Event, "hx", &it.Digest, 0))
	it.Event.Warnings = `[{"path":"data.a","message":"is missing"}]`
	f.Add(appendRecord(nil, &it.Event, "", &it.Digest, -3))
	it.Event.Trace = &event.Trace{1, 16: 2, 24: 1}
	f.Add(appendRecord(nil, &it.Event, "", &it.Digest, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r record
		if _, err := nextRecord(b, &r); err != nil {
			return
		}
		e := r.event(5)
		key, digest := r.idempotencyKey(), [16]byte{}
		copy(digest[:], r.digest)
		again := appendRecord(nil, &e, key, &digest, 0)
		var r2 record
		if _, err := nextRecord(again, &r2); err != nil {
			t.Fatalf("a record that was read cannot be read again: %v", err)
		}
		if e2 := r2.event(5); fmt.Sprintf("%+v", e2) != fmt.Sprintf("%+v", e) || r2.idempotencyKey() != key {
			t.Errorf("got %+v, want %+v", e2, e)
		}
	})
}
