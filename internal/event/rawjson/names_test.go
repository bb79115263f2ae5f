package rawjson

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// object returns an object with n names that differ only in the middle, which a fingerprint does
// not cover.
func object(n int) []byte {
	b := []byte{'{'}
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"beginning%08xtheending":%d`, i, i)
	}
	return append(b, '}')
}

// A second use of any name is found below and above the size at which a table replaces the search,
// escaped or not.
func TestDuplicateInObjectsOfAllSizes(t *testing.T) {
	for _, n := range []int{1, 2, fewNames - 1, fewNames, fewNames + 1, 2 * fewNames, 2*fewNames + 1, 1000} {
		b := object(n)
		if err := Check(b, Limits{}); err != nil {
			t.Fatalf("%d names: got %v, want accepted", n, err)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			for _, name := range []string{fmt.Sprintf("beginning%08xtheending", again), fmt.Sprintf(`b\u0065ginning%08xtheending`, again)} {
				in := fmt.Appendf(b[:len(b)-1:len(b)-1], `,"%s":0,"beginning":0}`, name)
				var e *SyntaxError
				if err := Check(in, Limits{}); !errors.As(err, &e) || e.Offset != len(b) || !strings.HasPrefix(e.Reason, "duplicate name") {
					t.Errorf("%d names, number %d again as %s: got %v, want a duplicate at %d", n, again, name, err, len(b))
				}
			}
		}
	}
}

// Large objects inside large objects: the names of the inner one must neither count for the outer
// nor stay behind.
func TestNamesOfNestedObjects(t *testing.T) {
	inner := string(object(100))
	var b strings.Builder
	b.WriteByte('{')
	for i := range 100 {
		fmt.Fprintf(&b, `"beginning%08xtheending":%s,`, i, inner)
	}
	good := b.String() + `"x":0}`
	if err := Check([]byte(good), Limits{}); err != nil {
		t.Errorf("got %v, want accepted", err)
	}
	bad := b.String() + `"beginning00000000theending":0}`
	var e *SyntaxError
	if err := Check([]byte(bad), Limits{}); !errors.As(err, &e) || e.Offset != b.Len() {
		t.Errorf("got %v, want a duplicate at %d", err, b.Len())
	}
}

// A table with enough room keeps a hostile object from quadratic time. The test does not measure
// time, which depends on the machine.
func TestLargeObjectHasRoomyTable(t *testing.T) {
	const n = 100_000
	var s Scanner
	s.Reset(object(n), Limits{})
	s.Enter()
	seen := 0
	for s.Next() {
		seen++
		if len(s.keys) != seen || seen > fewNames && len(s.slots) < 2*seen {
			t.Fatalf("after %d names: %d kept, %d slots; want at least twice as many slots", seen, len(s.keys), len(s.slots))
		}
	}
	if err := s.End(); err != nil || seen != n {
		t.Fatalf("got %d names, %v; want %d", seen, err, n)
	}
	// Names spread over the table: with a good hash at half load the longest run of occupied slots
	// is a few dozen.
	run, longest := 0, 0
	s.Reset(object(n), Limits{})
	s.Enter()
	for s.Next() && len(s.keys) < n {
	}
	for _, slot := range s.slots {
		if run++; slot == 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest > 1000 {
		t.Errorf("got a run of %d taken slots of %d, want names spread", longest, len(s.slots))
	}

	s.Reset(nil, Limits{})
	if cap(s.keys) > keepKeys || cap(s.slots) > keepSlots || cap(s.copies) > keepCopies {
		t.Errorf("after Reset: got room for %d names and %d slots kept, want at most %d and %d", cap(s.keys), cap(s.slots), keepKeys, keepSlots)
	}
}

// An array of a million small objects must not cost the memory of all their names.
func TestNamesAreForgotten(t *testing.T) {
	in := []byte(`[{"\u0061":{"\u0062":1}},2]`)
	for _, stepIn := range []bool{false, true} {
		var s Scanner
		for range 2 {
			s.Reset(in, Limits{})
			s.Enter()
			s.Next()
			if stepIn {
				stepInto(&s)
			}
			s.Next()
			if len(s.keys) != 0 || len(s.copies) != 0 || len(s.slots) != 0 {
				t.Errorf("stepping in %v: got %d names and %d bytes kept after their objects, want none", stepIn, len(s.keys), len(s.copies))
			}
			s.Reset([]byte(`{"\u0061":[x`), Limits{}) // stops while names are recorded
			if err := s.End(); err == nil {
				t.Fatal("got accepted, want refused")
			}
		}
	}
}

func TestFingerprintDoesNotReadBeyond(t *testing.T) {
	for n := range 20 {
		text := []byte(strings.Repeat("k", n))
		inside := fingerprint(append(text, "other bytes behind it"...), 0, n)
		if atEnd := fingerprint(text, 0, n); atEnd != inside {
			t.Errorf("%d bytes: got %x at the end of the input, %x inside; want the same", n, atEnd, inside)
		}
	}
}
