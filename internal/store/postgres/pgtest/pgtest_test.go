//go:build unix

package pgtest

import (
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestSharedServerHasADatabasePerTest(t *testing.T) {
	s := Shared(t)
	a, b := s.Database(t), s.Database(t)
	if a == b {
		t.Fatalf("two databases have the URL %q", a)
	}
	if err := s.exec("test1", "CREATE TABLE x()"); err != nil {
		t.Fatal(err)
	}
	if err := s.exec("test2", "SELECT FROM x"); err == nil {
		t.Error("a table of one database is there in another")
	}
}

func TestServerComesBackAfterACrash(t *testing.T) {
	s := Start(t)
	s.Database(t)
	if err := s.exec("test1", "CREATE TABLE x()"); err != nil {
		t.Fatal(err)
	}
	for _, stop := range []func(){s.Crash, s.Stop} {
		stop()
		if err := s.exec("test1", "SELECT FROM x"); err == nil {
			t.Fatal("a stopped server answers")
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		if err := s.exec("test1", "SELECT FROM x"); err != nil {
			t.Errorf("after a restart: %v", err)
		}
	}
}
