//go:build !unix

package cli

// sameUser does nothing where files do not belong to one user.
func sameUser(string) error { return nil }
