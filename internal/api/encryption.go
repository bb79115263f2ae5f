package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/secret"
)

// RotateEncryption asks for a new key that seals secrets at rest.
type RotateEncryption struct {
	SecretKey rest.Opt[string] `json:"secretKey" doc:"a master key of at least 32 random bytes that encrypts the key file from now on; set RELAY_SECRET_KEY to it before the next start. Left out: the one there is, if there is one" example:"\"…\""`
}

// RotatedEncryption counts the values that were sealed again.
type RotatedEncryption struct {
	Webhooks int `json:"webhooks" doc:"webhooks and other configuration whose secrets were sealed with the new key" example:"12"`
}

var docEncryptionRotate = rest.Doc{ID: "rotateEncryptionKeys", Tag: "Keys", Summary: "Replace the keys that encrypt secrets at rest",
	Text: "Makes a new key, seals the signing secrets, credentials and headers of all webhooks with it, and removes what the old key had sealed from the files. Deliveries continue. If it is interrupted, the next start completes it, or calling it again."}

type encryptionInput struct {
	Body RotateEncryption `body:"optional"`
}

func (a *API) encryptionRotate(ctx context.Context, c *access.Principal, in *encryptionInput) (*RotatedEncryption, error) {
	if a.Encryption == nil {
		return nil, problem.New(problem.Conflict, "servers that share a database share their keys, which cannot be replaced while they run")
	}
	key := in.Body.SecretKey
	if key.Given && !key.Null {
		if key.Value == "" {
			return nil, problem.InvalidField("secretKey", "must not be empty")
		}
		if err := secret.CheckMaster([]byte(key.Value)); err != nil {
			return nil, problem.InvalidField("secretKey", "%v", err)
		}
	}
	n, err := a.Encryption.Rotate(ctx, c, secret.Text(key.Value))
	if err != nil {
		return nil, err
	}
	return &RotatedEncryption{Webhooks: n}, nil
}
