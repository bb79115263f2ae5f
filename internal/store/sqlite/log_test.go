package sqlite

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/store/utcday"
)

func openTestLog(t testing.TB, dir string, logged *bytes.Buffer) *attemptLog {
	t.Helper()
	handler := slog.DiscardHandler
	if logged != nil {
		handler = slog.NewTextHandler(logged, nil)
	}
	l, err := openAttemptLog(dir, nil, slog.New(handler), time.Now)
	if err != nil {
		t.Fatalf("openAttemptLog: %v", err)
	}
	last, err := l.lastID()
	if err != nil {
		t.Fatalf("lastID: %v", err)
	}
	l.seq = event.NewSequence(0, last)
	return l
}

func closeTestLog(t testing.TB, l *attemptLog) {
	t.Helper()
	if err := l.close(); err != nil {
		t.Errorf("closing the log: %v", err)
	}
}

func appendTest(t testing.TB, l *attemptLog, attempts []*delivery.Attempt) {
	t.Helper()
	if err := l.append(context.Background(), attempts); err != nil {
		t.Fatalf("append: %v", err)
	}
}

// logReader makes the log readable for storetest.
type testLogReader struct{ *attemptLog }

func (l testLogReader) AttemptGet(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, bool, error) {
	return l.get(ctx, tenant, id)
}
func (l testLogReader) AttemptList(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	return l.list(ctx, q)
}
func (l testLogReader) AttemptsOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]*delivery.Attempt, error) {
	return l.ofEvent(ctx, tenant, id, 0)
}
func (l testLogReader) AttemptsOfDelivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*delivery.Attempt, error) {
	return l.ofEvent(ctx, tenant, d.Event, d.Webhook)
}
func (l testLogReader) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	return l.stats(ctx, q)
}
func (l testLogReader) SettledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error {
	return l.settledSince(ctx, since, f)
}
func (l testLogReader) FailedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*delivery.Attempt) bool) error {
	return l.failedScan(ctx, tenant, webhook, after, until, f)
}

// Reads are the same whatever part of the log is indexed.
func TestLogExactBeforeAndAfterIndexing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := openTestLog(t, dir, nil)
		all := storetest.MakeAttempts(time.Now(), 300)
		appendTest(t, l, all[:100])
		if n := l.unindexed.Load(); n != 100 {
			t.Errorf("right after appending 100, %d wait for the indexer", n)
		}
		storetest.CheckLog(t, testLogReader{l}, all[:100])

		if !l.indexPass(true) {
			t.Error("indexing failed")
		}
		if n := l.unindexed.Load(); n != 0 {
			t.Errorf("after the indexer ran, %d wait for it", n)
		}
		storetest.CheckLog(t, testLogReader{l}, all[:100])

		// Half in the indexes, half in the tail, and so again after reopening.
		appendTest(t, l, all[100:200])
		storetest.CheckLog(t, testLogReader{l}, all[:200])
		closeTestLog(t, l)
		l = openTestLog(t, dir, nil)
		if n := l.unindexed.Load(); n != 100 {
			t.Errorf("after reopening, %d wait for the indexer, want 100", n)
		}
		storetest.CheckLog(t, testLogReader{l}, all[:200])
		appendTest(t, l, all[200:])
		storetest.CheckLog(t, testLogReader{l}, all)
		if !l.indexPass(true) {
			t.Error("indexing failed")
		}
		storetest.CheckLog(t, testLogReader{l}, all)
		closeTestLog(t, l)
	})
}

// Days pass: entries recorded long after they began, old deliveries again, an
// unindexed tail in a day that is over, more files than are kept open, retention.
func TestLogOverDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := openTestLog(t, dir, nil)
		var all []*delivery.Attempt
		record := func(records int) {
			t.Helper()
			for range records {
				list := storetest.MakeAttempts(time.Now(), 10)
				for i, a := range list {
					// Began up to two hours before they were recorded, some on the day before.
					a.At = a.At.Add(-time.Duration(i*12) * time.Minute)
					if i%4 == 0 && len(all) > 40 {
						a.Event, a.Webhook, a.Tenant = all[i].Event, all[i].Webhook, all[i].Tenant // an old delivery again
					}
				}
				appendTest(t, l, list)
				all = append(all, list...)
				time.Sleep(8*time.Hour + time.Minute)
			}
		}
		record(12)
		storetest.CheckLog(t, testLogReader{l}, all)
		record(1)
		closeTestLog(t, l)
		time.Sleep(48 * time.Hour)
		l = openTestLog(t, dir, nil)
		storetest.CheckLog(t, testLogReader{l}, all)
		record(2)
		storetest.CheckLog(t, testLogReader{l}, all)

		// The whole suite would open a file for nearly every day of every query.
		record(20)
		if n := len(l.files.days()); n <= maxOpenDays {
			t.Fatalf("the log has %d days, want more than %d", n, maxOpenDays)
		}
		for range 2 {
			list, next, err := l.list(context.Background(), delivery.LogQuery{Tenant: 2, Limit: 250, Outcomes: []delivery.Outcome{1, 2, 3, 4, 5, 6}})
			want := slices.DeleteFunc(slices.Clone(all), func(a *delivery.Attempt) bool { return a.Tenant != 2 })
			slices.Reverse(want)
			if err != nil || next != 0 || !reflect.DeepEqual(list, want) {
				t.Errorf("listing everything: got %d entries, %v, %v, want %d", len(list), next, err, len(want))
			}
		}

		before := time.Now().Add(-5 * 24 * time.Hour)
		if err := l.expire(before); err != nil {
			t.Fatalf("expire: %v", err)
		}
		var kept []*delivery.Attempt
		for _, a := range all {
			if utcday.Of(a.ID).End().After(before) {
				kept = append(kept, a)
			}
		}
		if len(kept) == len(all) || len(kept) == 0 {
			t.Fatalf("retention keeps %d of %d entries", len(kept), len(all))
		}
		storetest.CheckLog(t, testLogReader{l}, kept)
		files, err := filepath.Glob(filepath.Join(dir, "*.db"))
		if err != nil || len(files) != len(l.files.days()) {
			t.Errorf("got files %v, %v, want %d", files, err, len(l.files.days()))
		}
		closeTestLog(t, l)
	})
}

// A record whose ids pass midnight lies in two files.
func TestLogRecordAcrossMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openTestLog(t, t.TempDir(), nil)
		defer closeTestLog(t, l)
		time.Sleep(24*time.Hour - time.Millisecond)
		// More than a millisecond has ids for, of events of the day before.
		all := storetest.MakeAttempts(time.Now().Add(-24*time.Hour), 6000)
		appendTest(t, l, all)
		if n := len(l.files.days()); n != 2 {
			t.Errorf("the record lies in %d files, want 2", n)
		}
		storetest.CheckLog(t, testLogReader{l}, all)
	})
}

func TestLogDamagedBlock(t *testing.T) {
	for _, indexed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var logged bytes.Buffer
			dir := t.TempDir()
			l := openTestLog(t, dir, &logged)
			all := storetest.MakeAttempts(time.Now(), 90)
			for i := 0; i < 90; i += 30 {
				appendTest(t, l, all[i:i+30])
			}
			if indexed {
				l.indexPass(true)
			}
			closeTestLog(t, l)

			file, err := openDB(filepath.Join(dir, utcday.Of(all[0].ID).String()+".db"), dbOptions{Full: true, PageSize: 8192, Schema: loadMigrations("attempts")})
			if err != nil {
				t.Fatalf("openDB: %v", err)
			}
			err = file.write(context.Background(), func(c *conn) error {
				return c.exec(`UPDATE block SET body = CAST(substr(body, 1, 200) || x'00ff00' || substr(body, 204) AS BLOB) WHERE id = ?`, all[30].ID)
			})
			if err != nil {
				t.Fatalf("damaging a block: %v", err)
			}
			if err := file.close(); err != nil {
				t.Fatalf("close: %v", err)
			}

			l = openTestLog(t, dir, &logged)
			defer closeTestLog(t, l)
			whole := append(append([]*delivery.Attempt(nil), all[:30]...), all[60:]...)
			list, next, err := l.list(context.Background(), delivery.LogQuery{Tenant: 1, Limit: 250})
			if err != nil || next != 0 {
				t.Fatalf("list: %v, %v", next, err)
			}
			want := 0
			for _, a := range whole {
				if a.Tenant == 1 && a.Outcome.IsAttempt() {
					want++
				}
			}
			if len(list) != want {
				t.Errorf("indexed %v: got %d attempts beside the damaged block, want %d", indexed, len(list), want)
			}
			for _, a := range whole {
				got, err := l.ofEvent(context.Background(), a.Tenant, a.Event, a.Webhook)
				if err != nil || len(got) != 1 {
					t.Errorf("attempts of %v: got %v, %v, want one", a.Delivery(), got, err)
				}
			}
			if _, _, err := l.get(context.Background(), all[40].Tenant, all[40].ID); err == nil ||
				!strings.Contains(err.Error(), all[30].ID.Public(event.AttemptPrefix)) {
				t.Errorf("reading an entry of the damaged block: got %v, want an error that names it", err)
			}
			if n := strings.Count(logged.String(), "damaged block"); n != 1 {
				t.Errorf("the damage was logged %d times, want once:\n%s", n, logged.String())
			}
		})
	}
}

// Entries that begin before they are recorded keep their order by id, and an
// event whose id is ahead of the clock still has its attempts behind it.
func TestLogIDsAboveTheirEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openTestLog(t, t.TempDir(), nil)
		defer closeTestLog(t, l)
		a := storetest.MakeAttempts(time.Now().Add(time.Hour), 1)
		appendTest(t, l, a)
		if a[0].ID <= a[0].Event {
			t.Errorf("the attempt has id %d, want above its event's %d", a[0].ID, a[0].Event)
		}
	})
}

// The indexer works by itself when there is enough for it, and when a day is over.
func TestLogIndexesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openTestLog(t, t.TempDir(), nil)
		defer closeTestLog(t, l)
		all := storetest.MakeAttempts(time.Now(), indexChunk+10)
		waiting := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if n := l.unindexed.Load(); n != want {
				t.Errorf("%s: %d entries wait for the indexer, want %d", when, n, want)
			}
		}
		appendTest(t, l, all[:indexChunk-10])
		waiting("before there is a chunk", indexChunk-10)
		appendTest(t, l, all[indexChunk-10:indexChunk])
		waiting("with a chunk", 0)
		appendTest(t, l, all[indexChunk:indexChunk+5])
		waiting("the day goes on", 5)
		time.Sleep(24 * time.Hour)
		appendTest(t, l, all[indexChunk+5:])
		waiting("the day is over", 5)
		storetest.CheckLog(t, testLogReader{l}, all)
	})
}
