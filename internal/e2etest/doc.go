// Package e2etest tests the program as its users see it: the built binary, run as a process, called
// over HTTP, delivering to receivers over TCP. The tests use no internals, so they stay valid when
// the code changes, and their results can be reproduced with curl.
//
// One file contains the kit (a relay process, a receiver); each of the others tests one promise.
package e2etest
