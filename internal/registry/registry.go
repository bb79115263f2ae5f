// Package registry holds what is the same about all configuration that servers keep in memory.
package registry

// Kind is a part of the configuration. A change of one makes the other servers on the same database read that part again,
// and no other.
type Kind string

// The kinds of configuration.
const (
	Webhooks  Kind = "webhooks"
	Keys      Kind = "keys"
	Catalogue Kind = "catalogue"
	Gate      Kind = "gate"
)

// Kinds lists all kinds.
var Kinds = []Kind{Webhooks, Keys, Catalogue, Gate}
