//go:build unix

package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// benchEvent is about 1 KiB of JSON as call events have it: names that
// repeat, values that do not.
func benchEvent(n int) ingest.Item {
	h := uint64(n)*0x9e3779b97f4a7c15 + 1
	word := func() uint64 { h ^= h << 13; h ^= h >> 7; h ^= h << 17; return h }
	data := fmt.Appendf(nil, `{"callId":"%016x%016x","surveyId":"%016x","respondent":{"id":%d,"phone":"+49%d","panel":"%08x"},`+
		`"interviewer":{"id":%d,"name":"Agent %d"},"disposition":"completed","startedAt":"2026-11-21T08:%02d:%02d.%03dZ","durationMs":%d,"answers":[`,
		word(), word(), word(), word()%1e9, word()%1e10, uint32(word()), word()%500, word()%500, word()%60, word()%60, word()%1000, word()%900000)
	for q := range 12 {
		if q > 0 {
			data = append(data, ',')
		}
		data = fmt.Appendf(data, `{"question":"Q%d","value":%d,"ms":%d,"open":"%x"}`, q, word()%11, word()%60000, uint32(word()))
	}
	data = append(data, `]}`...)
	return ingest.Item{Event: event.Event{Type: "call.completed", Time: time.UnixMilli(1_790_000_000_000), Data: data}}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func dirBytes(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		fi, err := e.Info()
		if err == nil {
			n += fi.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkAppend stores groups of 1 KiB events; one operation is one event.
// "keyed" gives each an idempotency key.
func BenchmarkAppend(b *testing.B) {
	for _, keyed := range []bool{false, true} {
		for _, group := range []int{1, 16, 128, 1024} {
			name := fmt.Sprint(group)
			if keyed {
				name += "keyed"
			}
			b.Run(name, func(b *testing.B) { benchmarkAppend(b, group, keyed) })
		}
	}
}

func benchmarkAppend(b *testing.B, group int, keyed bool) {
	dir := b.TempDir()
	s := openStore(b, dir)
	const distinct = 4096
	items := make([]ingest.Item, distinct)
	size := 0
	for i := range items {
		items[i] = benchEvent(i)
		size += len(items[i].Event.Data)
	}
	pubs := make([]*ingest.Publication, group)
	for i := range pubs {
		pubs[i] = &ingest.Publication{Tenant: 1, Items: make([]ingest.Item, 1)}
	}
	b.ReportAllocs()
	b.ResetTimer()
	start := cpu()
	for n := 0; n < b.N; n += group {
		for i, p := range pubs {
			p.Items[0] = items[(n+i)%distinct]
			if keyed {
				p.Items[0].Key = fmt.Sprint("n", n+i)
			}
		}
		if _, err := s.Append(context.Background(), pubs); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	used := cpu() - start
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	stored := float64((b.N + group - 1) / group * group)
	b.ReportMetric(float64(used.Nanoseconds())/1e3/stored, "cpu-µs/event")
	b.ReportMetric(float64(dirBytes(b, filepath.Join(dir, "events")))/stored, "disk-B/event")
	if keyed {
		fi, err := os.Stat(filepath.Join(dir, "keys.db"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(fi.Size())/stored, "keys-B/event")
	}
	b.ReportMetric(float64(size)/distinct, "data-B/event")
}
