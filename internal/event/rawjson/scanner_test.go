package rawjson

import (
	"fmt"
	"strings"
	"testing"
)

// An array of events, walked once while picking the envelope's fields, is the scanner's main use.
func TestScannerEvents(t *testing.T) {
	in := `[ {"type":"a","data":{"x":[1,2]},"attributes":{"k":"v"}} ,{"data":null,"type":"b"}, {}]`
	var s Scanner
	for range 2 { // the second time with the memory of the first
		var got []string
		s.Reset([]byte(in), Limits{})
		s.Enter()
		for s.Next() {
			start := s.Offset()
			line := ""
			s.Enter()
			for s.Next() {
				switch name := string(s.Name()); name {
				case "type", "data":
					line += fmt.Sprintf("%s=%s ", name, s.Value().Raw)
				case "attributes":
					s.Enter()
					for s.Next() {
						line += fmt.Sprintf("%s.%s ", name, s.Name())
					}
					if string(s.Name()) != name {
						t.Errorf("after an inner object: got name %q, want %q", s.Name(), name)
					}
				}
			}
			got = append(got, line+in[start:s.Offset()])
		}
		want := []string{
			`type="a" data={"x":[1,2]} attributes.k {"type":"a","data":{"x":[1,2]},"attributes":{"k":"v"}}`,
			`data=null type="b" {"data":null,"type":"b"}`,
			`{}`,
		}
		if err := s.End(); err != nil || strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got %v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// A caller that misuses the scanner gets an error or no value, never the content of another
// container.
func TestScannerMisuse(t *testing.T) {
	var s Scanner
	if s.Next() || s.Kind() != Invalid || s.Name() != nil || s.Value().Kind != Invalid {
		t.Error("zero scanner: got something, want nothing")
	}

	s.Reset([]byte(`[1,[2]]`), Limits{})
	s.Enter()
	s.Next()
	s.Enter() // the number
	if s.Next() || s.Err() == nil || s.End().Error() != "invalid JSON at byte 1: want an object, got a number" {
		t.Errorf("entering a number: got %v, want an error", s.Err())
	}

	s.Reset([]byte(`[1,2]`), Limits{})
	s.Enter()
	s.Enter() // without Next
	if s.Next() || s.Err() == nil {
		t.Error("entering nothing: got no error, want one")
	}

	s.Reset([]byte(`[1,2]`), Limits{})
	s.Enter()
	if v := s.Value(); v.Kind != Invalid || s.Name() != nil {
		t.Errorf("Value before Next: got %s, want nothing", v.Raw)
	}
	s.Next()
	s.Value()
	if v := s.Value(); v.Kind != Invalid {
		t.Errorf("Value twice: got %s, want nothing", v.Raw)
	}
	if err := s.End(); err != nil {
		t.Errorf("End in the middle: got %v, want the rest checked", err)
	}
	if s.Next() {
		t.Error("Next after End: got true")
	}

	s.Reset([]byte(`{"a":{"b":[1,2,x]}}`), Limits{})
	s.Enter()
	s.Next()
	if err := s.End(); err == nil {
		t.Error("End in the middle: got accepted, want the rest checked")
	}
	if s.Name() != nil || s.Kind() != Invalid || s.Next() {
		t.Error("after an error: got something, want nothing")
	}
	if first := s.Err(); s.End() != first {
		t.Errorf("End twice: got %v, want %v", s.End(), first)
	}
}

func TestNoAllocations(t *testing.T) {
	event := callCompleted(1024)
	var s Scanner
	var quoted []byte
	for name, f := range map[string]func(){
		"scanner": func() {
			s.Reset(event, Limits{})
			s.Enter()
			for s.Next() {
				if string(s.Name()) == "data" {
					s.Value()
				}
			}
			if err := s.End(); err != nil {
				t.Fatal(err)
			}
		},
		"pick": func() {
			if v, ok := Pick(event, "data", "duration"); !ok || string(v.Raw) != "142" {
				t.Fatalf("got %q, %v", v.Raw, ok)
			}
		},
		"numbers": func() {
			v, _ := Pick(event, "data", "duration")
			n, err := v.Int64()
			f, err2 := v.Float64()
			if n != 142 || f != 142 || err != nil || err2 != nil {
				t.Fatalf("got %d, %v, %v, %v", n, f, err, err2)
			}
		},
		"strings": func() {
			v, _ := Pick(event, "data", "summary")
			var err error
			if quoted, err = v.AppendString(quoted[:0]); err != nil {
				t.Fatal(err)
			}
			quoted = AppendQuoted(quoted[:0], "caller said \"hello\"\n")
		},
	} {
		if got := testing.AllocsPerRun(100, f); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}
