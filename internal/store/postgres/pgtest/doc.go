// Package pgtest starts real PostgreSQL servers for tests, from the programs
// that are installed on the machine, as an ordinary user and on a Unix socket
// only.
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//	url := pgtest.Shared(t).Database(t) // a fresh database on a server that all tests share
//	srv := pgtest.Start(t)              // a durable server of the test's own, to be crashed
//
// The shared server runs without fsync: it is for behaviour. What survives a
// crash is only ever tested on a server of its own.
package pgtest
