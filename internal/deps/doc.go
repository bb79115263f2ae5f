// Package deps contains only tests about the code: which package may import which, and the licences
// of the modules linked into the relay binary.
//
// The layers are those of ARCHITECTURE.md. A package imports only packages of lower layers; a table
// lists the exceptions with their reasons. A new package under internal/ needs a row in the table,
// which is the moment to ask where it belongs.
package deps
