// Package deps holds no code, only tests about the code: which package may import which, and under what licences the
// modules are that the relay binary links.
//
// The layers are those of ARCHITECTURE.md. A package imports only packages of lower layers; the exceptions stand in a
// table with their reasons. A new package under internal/ needs a line in that table, which is the moment to ask where it belongs.
package deps
