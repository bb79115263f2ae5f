package account

import (
	"bytes"
	"testing"
)

func TestAnswersAreSealed(t *testing.T) {
	const k = "rk_mine"
	a := Answer{Key: AnswerKey(k, 1, "once")}
	plain := []byte(`{"secret":"whsec_c2VjcmV0"}`)
	var err error
	if a.Sealed, err = SealAnswer(&a, "rk_mine", plain); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(a.Sealed, []byte("whsec_")) {
		t.Error("the answer is stored in clear")
	}
	if got, err := OpenAnswer(&a, "rk_mine"); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("got %q, %v, want %q", got, err, plain)
	}
	if got, err := OpenAnswer(&a, "rk_other"); err == nil {
		t.Errorf("another key opens it: %q", got)
	}
	for _, other := range [][32]byte{AnswerKey(k, 2, "once"), AnswerKey(k, 1, "twice"), AnswerKey("rk_other", 1, "once")} {
		moved := Answer{Key: other, Sealed: a.Sealed}
		if got, err := OpenAnswer(&moved, "rk_mine"); err == nil || other == a.Key {
			t.Errorf("it opens at another place: %q", got)
		}
	}
	for n := range len(a.Sealed) {
		cut := Answer{Key: a.Key, Sealed: a.Sealed[:n]}
		if _, err := OpenAnswer(&cut, "rk_mine"); err == nil {
			t.Errorf("the first %d bytes of it open", n)
		}
	}
}
