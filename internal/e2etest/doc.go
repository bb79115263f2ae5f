// Package e2etest tests the program as its users meet it: the built binary, started as a process, spoken to over HTTP,
// delivering to receivers over TCP. Nothing inside of it is reached for, so these tests hold whatever happens to the
// code, and what they show can be repeated with curl.
//
// One file holds the kit (a relay process, a receiver); each of the others holds one promise.
package e2etest
