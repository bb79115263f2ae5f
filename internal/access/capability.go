package access

import "slices"

// Capability is what a portal link allows whoever opens it.
type Capability string

// The capabilities.
const (
	CapView      Capability = "view"      // see webhooks and their log; every portal has it
	CapManage    Capability = "manage"    // add, change, pause and delete webhooks
	CapTest      Capability = "test"      // send an example to a webhook
	CapReplay    Capability = "replay"    // retry, cancel and recover
	CapSecret    Capability = "secret"    // see a new secret, and make one anew
	CapTransform Capability = "transform" // change filters and transforms, besides manage
)

// Capabilities lists all capabilities in the order they are documented.
var Capabilities = []Capability{CapView, CapManage, CapTest, CapReplay, CapSecret, CapTransform}

// capabilityPermissions is the table of what each capability allows. All of it is about the webhooks of the portal's scope.
var capabilityPermissions = map[Capability]Permission{
	CapView:      View,
	CapManage:    EditWebhooks,
	CapTest:      TestWebhooks,
	CapReplay:    Redeliver,
	CapSecret:    RotateSecrets,
	CapTransform: EditShapes,
}

// Through returns what the capabilities allow together.
func Through(list []Capability) Permission {
	var p Permission
	for _, c := range list {
		p |= capabilityPermissions[c]
	}
	return p
}

// Known reports whether there is such a capability.
func (c Capability) Known() bool { return slices.Contains(Capabilities, c) }
