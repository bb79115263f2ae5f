package transform

import (
	"strings"
	"testing"
	"time"
)

func BenchmarkRun(b *testing.B) {
	p := pool(b, Options{})
	const simple = `function transform(event) {
		return { body: { text: "New order " + event.data.id + " of " + event.data.amount, items: event.data.items.map(i => i.sku) }, headers: { "X-Kind": event.type } } }`
	big := order()
	big.Data = []byte(`{"id":"x","amount":1,"items":[` + strings.TrimSuffix(strings.Repeat(`{"sku":"ABC-123","qty":12,"note":"left at the door"},`, 300), ",") + `]}`)
	for _, bb := range []struct {
		name, source string
		in           Input
	}{
		{"drop", `function transform() { return null }`, order()},
		{"simple", simple, order()},
		{"simple16K", simple, big},
		{"echo16K", `function transform(e) { return { body: e.data } }`, big},
		{"raw16K", `function transform(e) { return { body: e.rawData } }`, big},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := script(b, p, bb.source)
			b.ReportAllocs()
			start := processTime(b)
			for b.Loop() {
				if _, err := p.Run(b.Context(), s, bb.in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processTime(b)-start)/float64(b.N)/1000, "cpu-µs/op")
		})
	}
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			p.images = newImages()
			script(b, p, simple)
		}
	})
	b.Run("instance", func(b *testing.B) {
		for b.Loop() {
			in, err := p.engine.instantiate()
			if err != nil {
				b.Fatal(err)
			}
			in.close()
		}
	})
	b.Run("restore", func(b *testing.B) {
		s := script(b, p, simple)
		in, img := p.idle[0], p.images.get(s.key)
		b.Logf("base %d KiB, image %d pages", len(p.engine.base)>>10, len(img.pages))
		for b.Loop() {
			_ = in.restore(img)
		}
	})
}

// TestFirstUse measures the cost of the first use.
func TestFirstUse(t *testing.T) {
	p := NewPool(Options{}) // compiles the engine for itself
	t.Cleanup(p.Close)
	cpu, start := processTime(t), time.Now()
	script(t, p, `function transform() {}`)
	t.Logf("first use: %v, %v of CPU", time.Since(start), processTime(t)-cpu)
}
