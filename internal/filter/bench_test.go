package filter

import (
	"testing"
)

func BenchmarkMatch(b *testing.B) {
	e := order()
	e.Data = append([]byte(`{"transcriptUrl":"https://api.example.com/api/calls/CA5f1c9a3e/transcript","summary":"Caller asked about pricing for the team plan and whether \"unlimited\" includes recordings. José will call back after lunch; he has used the free plan for two years and wants to move three lines over by the end of the month. Caller asked about pricing for the team plan and whether unlimited includes recordings.",`), e.Data[1:]...)
	for _, bb := range []struct{ name, filter string }{
		{"type", `event.type == "order.created"`},
		{"simple", `event.type == "order.created" && event.data.amount >= 100`},
		{"three", `event.data.country == "NO" && event.data.amount >= 100 && event.data.customer.tier == "gold"`},
		{"absent", `event.data.missing == 1`},
		{"optional", `event.data.?customer.?rank.orValue("none") == "none"`},
		{"in", `event.data.country in ["NO", "SE", "DK"]`},
		{"regex", `event.data.customer.address.city.matches("^[A-Z][a-z]+$")`},
		{"exists", `event.data.items.exists(i, i.sku == "B-7" && i.qty > 3)`},
	} {
		b.Run(bb.name, func(b *testing.B) {
			p := compiled(b, bb.filter)
			ctx := b.Context()
			b.ReportAllocs()
			start := threadTime(b)
			for b.Loop() {
				if _, err := p.Match(ctx, e); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(threadTime(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		compiled(b, `event.type == "order.created" && event.data.amount >= 100`)
	}
}
