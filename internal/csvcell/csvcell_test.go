package csvcell_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"unicode"

	"github.com/relay-events/relay/internal/csvcell"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "Jane": "Jane", "a=b": "a=b", " =1": " '=1",
		"=1+1": "'=1+1", "+45": "'+45", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "\nx": "'\nx",
		"'=1": "'=1",
	} {
		if got := csvcell.Text(in); got != want {
			t.Errorf("csvcell.Text(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever cannot be seen before a formula, the cell begins with an apostrophe before the formula's first character.
func TestInvisible(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !unicode.In(r, unicode.Z, unicode.Cc, unicode.Cf) || r >= 0xd800 && r < 0xe000 {
			continue
		}
		for _, sign := range []string{"=", "+", "-", "@"} {
			for _, s := range []string{string(r) + sign + "1", "a;" + string(r) + sign + "1", string(r) + "\"" + string(r) + sign + "1"} {
				if got := csvcell.Text(s); !strings.Contains(got, "'"+sign) {
					t.Fatalf("csvcell.Text(%q) = %q, want an apostrophe before the formula", s, got)
				}
			}
		}
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write([]string{csvcell.Text("a-b"), csvcell.Text("x@y.z"), csvcell.Text("Jens-Ole\u00a0=")}); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	if strings.Contains(b.String(), "'") {
		t.Errorf("got %q, want no apostrophe inside of a cell", b.String())
	}
}
