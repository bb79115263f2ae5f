//go:build linux

package faulttest

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// world holds a test's server, its users, and the known facts.
type world struct {
	t     testing.TB
	rng   *rand.Rand
	relay *relay
	rec   *recorder
	pubs  *publishers
	hist  *history
}

// newWorld starts a server on an empty folder and creates its webhooks. Publishers are not started
// yet.
func newWorld(t testing.TB, dir string) *world {
	w := &world{t: t, rng: seeded(t), relay: newRelay(t, dir), rec: newRecorder(t), hist: &history{}}
	w.pubs = newPublishers(w.relay)
	w.relay.start()
	w.hist.hooks = createHooks(t, w.relay, w.rec)
	return w
}

// killed records that a life was ended by a kill.
func (w *world) killed(l *life) {
	k := kill{from: l.doomed, until: l.ended, window: 250 * time.Millisecond}
	if k.from.IsZero() { // killed at a system call, by strace: only the time when its end was noticed is known
		k.from, k.window = l.ended.Add(-50*time.Millisecond), time.Second
	}
	if !l.stuck.IsZero() {
		k.from = l.stuck
	}
	k.window += 2 * w.pubs.slowest(l.started.Add(l.took), l.ended)
	w.hist.kills = append(w.hist.kills, k)
}

// settle waits until every acknowledged event was accepted by the receiver and no delivery is owed.
func (w *world) settle() {
	w.t.Helper()
	for _, h := range w.hist.hooks {
		waitFor(w.t, "delivering what was acknowledged to "+h.name, patience, func() error {
			if n, one := w.rec.missing(h.name, w.pubs.acked(h)); n > 0 {
				w.relay.running()
				return fmt.Errorf("%d deliveries are missing, among them %s: %s", n, one, w.explain(one))
			}
			return nil
		})
	}
	// Stored events that were never acknowledged are owed as well.
	waitFor(w.t, "settling what is owed", patience, func() error {
		for _, state := range []string{"inFlight", "waiting"} {
			if n, err := w.relay.deliveries(state); err != nil || n > 0 {
				return fmt.Errorf("%d deliveries are %s (%v)", n, state, err)
			}
		}
		return nil
	})
}

// explain returns the server's account of an event.
func (w *world) explain(token string) string {
	w.pubs.mu.Lock()
	var ids []string
	for _, it := range w.pubs.items {
		if it.token == token {
			ids = it.ids
		}
	}
	w.pubs.mu.Unlock()
	var why json.RawMessage
	if len(ids) == 0 {
		return "the stream did not tell its id"
	}
	if err := w.relay.get("/v1/events/"+ids[0]+"/explain", &why); err != nil {
		return err.Error()
	}
	return string(why)
}

// finish ends the run on a running server and checks it: the server settles, stops, and starts once
// more, which must send nothing. Then finish reads what it has stored.
func (w *world) finish() figures {
	w.t.Helper()
	w.pubs.halt()
	w.settle()
	w.relay.stop()
	before := len(w.rec.seen())
	w.relay.start()
	w.hist.tell(w.t, w.relay)
	w.relay.stop()
	w.hist.items, w.hist.requests = w.pubs.items, w.rec.seen()
	w.hist.complain = append(w.hist.complain, w.pubs.wrong...)
	if n := len(w.hist.requests) - before; n > 0 {
		w.t.Errorf("after all was settled and the server was stopped and started, it sent %d requests, want 0", n)
	}
	figures, wrong := w.hist.check()
	figures.slowestStart = w.relay.slowest
	for _, complaint := range wrong {
		w.t.Error(complaint)
	}
	if figures.acked == 0 || figures.delivered == 0 {
		w.t.Errorf("the run shows nothing: %v", figures)
	}
	intact(w.t, w.relay.dir)
	return figures
}

// intact checks every SQLite file below a folder without a running server.
func intact(t testing.TB, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".db") {
			return err
		}
		files++
		if verdict := integrity(path); verdict != "ok" {
			t.Errorf("integrity of %s: got %q, want \"ok\"", filepath.Base(path), verdict)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("checking the files in %q: found %d (%v)", dir, files, err)
	}
}

// integrity returns SQLite's findings: https://sqlite.org/pragma.html#pragma_integrity_check.
func integrity(path string) string {
	db, err := sqlite3.Open(path)
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	s, _, err := db.Prepare(`PRAGMA integrity_check`)
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	var found []string
	for s.Step() {
		found = append(found, s.ColumnText(0))
	}
	if err := s.Err(); err != nil {
		return err.Error()
	}
	return strings.Join(found, "; ")
}

// tokenOf returns the token in an event's data.
func tokenOf(data []byte) string {
	var d struct {
		Token string `json:"token"`
	}
	if json.Unmarshal(data, &d) != nil {
		return ""
	}
	return d.Token
}
