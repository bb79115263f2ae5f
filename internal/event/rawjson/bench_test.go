package rawjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"
)

// callCompleted returns the documented sample of call.completed as an application publishes it,
// with a summary that brings the event to n bytes. Summaries are prose with quotes, line breaks,
// and an occasional letter beyond ASCII.
func callCompleted(n int) []byte {
	const before = `{"type":"call.completed","version":"2026-05-05","timestamp":"2026-05-05T14:23:00Z","key":"tnt_8Xk2mQ","data":{` +
		`"sid":"CA5f1c9a3e7b2d4c8f9a0b1c2d3e4f5a6b","tenantId":"tnt_8Xk2mQ","caller":"+12125551234","callerName":"John Smith",` +
		`"calledLine":"+18885559876","duration":142,"billableMinutes":3,"startedAt":"2026-05-05T14:20:38Z","endedAt":"2026-05-05T14:23:00Z",` +
		`"endReason":"caller-hangup","urgency":"normal","mode":"receptionist",` +
		`"appointmentsBooked":[{"eventId":"evt_91","startUtc":"2026-05-07T15:00:00Z","endUtc":"2026-05-07T15:30:00Z","timeZoneId":"America/New_York"}],` +
		`"transcriptUrl":"https://api.relay.sandybrook.io/api/calls/CA5f1c9a3e/transcript","redirect":null,"summary":"`
	const after = `"}}`
	const prose = `Caller asked about pricing for the team plan and whether \"unlimited\" includes recordings.\n` +
		`José will call back after lunch; he has used the free plan for two years and wants to move three lines over by the end of the month. `
	room := n - len(before) - len(after)
	text := strings.Repeat(prose, room/len(prose)+1)[:room]
	text = strings.TrimRight(strings.ToValidUTF8(text, ""), `\`)
	return []byte(before + text + strings.Repeat(".", room-len(text)) + after)
}

// BenchmarkCheck compares Check with other validators in the same run. Of these only jsontext
// checks as much.
func BenchmarkCheck(b *testing.B) {
	for _, n := range []int{1024, 2560} {
		event := callCompleted(n)
		for _, c := range []struct {
			name  string
			check func([]byte) bool
		}{
			{"rawjson", func(b []byte) bool { return Check(b, Limits{}) == nil }},
			{"std", json.Valid},
			{"gjson", gjson.ValidBytes},
			{"jsontext", func(b []byte) bool { return jsontext.Value(b).IsValid() }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if !c.check(event) {
						b.Fatalf("got refused, want accepted: %s", event)
					}
				}
			})
		}
	}
}

// BenchmarkEvents measures the cost of accepting an array: 1,000 events, walked once, picking
// envelope fields along the way.
func BenchmarkEvents(b *testing.B) {
	body := []byte{'['}
	for i := range 1000 {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, callCompleted(1024)...)
	}
	body = append(body, ']')
	var s Scanner
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		s.Reset(body, Limits{})
		s.Enter()
		for s.Next() {
			s.Enter()
			for s.Next() {
				switch string(s.Name()) {
				case "type", "data":
					n += min(len(s.Value().Raw), 1)
				}
			}
		}
		if err := s.End(); err != nil || n != 2000 {
			b.Fatalf("got %d fields, error %v; want 2000", n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/event")
}

// BenchmarkManyNames measures the most costly object: 1 MiB of short names.
func BenchmarkManyNames(b *testing.B) {
	body := []byte{'{'}
	for i := range 100_000 {
		body = fmt.Appendf(body, `"%x":1,`, i)
	}
	body[len(body)-1] = '}'
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := Check(body, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	event := callCompleted(1024)
	b.ReportAllocs()
	b.Run("rawjson", func(b *testing.B) {
		for b.Loop() {
			if v, ok := Pick(event, "data", "urgency"); !ok || len(v.Raw) != 8 {
				b.Fatalf("got %q, %v", v.Raw, ok)
			}
		}
	})
	b.Run("gjson", func(b *testing.B) {
		for b.Loop() {
			if v := gjson.GetBytes(event, "data.urgency"); v.Str != "normal" {
				b.Fatalf("got %q", v.Str)
			}
		}
	})
}
