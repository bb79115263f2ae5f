package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/user"
)

// Passkeys are those of people; user.Sessions has them.
type Passkeys interface {
	AskPasskey(ctx context.Context, party passkey.Party) (json.RawMessage, error)
	LoginPasskey(ctx context.Context, from user.Client, party passkey.Party, waiting string, answer []byte) (user.SignedIn, error)
	ConfirmPasskey(ctx context.Context, p *access.Principal, from user.Client, party passkey.Party, answer []byte) error
	Passkeys(ctx context.Context, p *access.Principal) ([]user.Passkey, error)
	OfferPasskey(ctx context.Context, p *access.Principal, party passkey.Party) (json.RawMessage, error)
	AddPasskey(ctx context.Context, p *access.Principal, party passkey.Party, name string, answer []byte) (user.Passkey, error)
	RenamePasskey(ctx context.Context, p *access.Principal, id, name string) (user.Passkey, error)
	RemovePasskey(ctx context.Context, p *access.Principal, id string) error
}

// Passkey is one of a person's passkeys.
type Passkey struct {
	ID         string     `json:"id" example:"\"psk_6b1f0c9d2e8a47530f61\""`
	Name       string     `json:"name" example:"\"Laptop\""`
	Site       string     `json:"site" doc:"the name of the site that it belongs to; at other names it does not work" example:"\"relay.example.com\""`
	Synced     bool       `json:"synced" doc:"it may be on several devices of its owner" example:"true"`
	CreatedAt  rest.Time  `json:"createdAt"`
	LastUsedAt *rest.Time `json:"lastUsedAt" doc:"null: not yet"`
}

func showPasskey(k *user.Passkey) *Passkey {
	return &Passkey{ID: k.ID, Name: k.Name, Site: k.Party, Synced: k.Key.Synced(), CreatedAt: rest.Time(k.CreatedAt), LastUsedAt: rest.TimeOrNil(k.UsedAt)}
}

// PasskeyOptions is what a page asks the browser for.
type PasskeyOptions struct {
	PublicKey json.RawMessage `json:"publicKey" doc:"in the JSON form of WebAuthn level 3: for PublicKeyCredential.parseRequestOptionsFromJSON or parseCreationOptionsFromJSON" example:"{\"challenge\":\"…\",\"rpId\":\"relay.example.com\"}"`
}

var docPasskeyAsk = rest.Doc{ID: "getPasskeyOptions", Tag: "Sign-in", Summary: "Begin to sign in by a passkey",
	Text: "For pages that call `navigator.credentials.get`; its answer is for `signInByPasskey` or `confirmSession`, within an hour and once. " +
		"Passkeys belong to the name in `publicUrl`, over HTTPS; without `publicUrl` to `localhost`. At an address without a name the answer is `409`."}

type requestInput struct {
	Request *http.Request
}

func (a *API) passkeyAsk(ctx context.Context, _ *access.Principal, in *requestInput) (*PasskeyOptions, error) {
	options, err := a.Sessions.AskPasskey(ctx, a.SignIn.Party(in.Request))
	if err != nil {
		return nil, err
	}
	return &PasskeyOptions{options}, nil
}

// LoginByPasskey is the request to sign in by a passkey.
type LoginByPasskey struct {
	Credential rest.RawJSON     `json:"credential" required:"true" doc:"what navigator.credentials.get answers, in its JSON form (toJSON)" example:"{\"id\":\"…\",\"type\":\"public-key\",\"response\":{}}"`
	Token      rest.Opt[string] `json:"token" maxLength:"100" doc:"secondFactor.token of a sign-in that waits: the passkey then takes the place of a code" example:"\"rp_…\""`
}

// Room implements rest.Roomy: nobody has shown who they are yet.
func (*LoginByPasskey) Room() (bytes int64, depth int) { return passkey.MaxAnswer + 1<<10, 8 }

var docLoginByPasskey = rest.Doc{ID: "signInByPasskey", Tag: "Sign-in", Summary: "Sign in by a passkey", Status: 201,
	Text: "Neither address nor password is needed. A passkey is two factors, so the sign-in waits for no other, and counts as a proof for `confirmSession`. A passkey whose counter has not risen since its last use may have been copied, and is refused."}

type loginByPasskeyInput struct {
	Request *http.Request
	Body    LoginByPasskey `body:"required"`
}

func (a *API) loginByPasskey(ctx context.Context, _ *access.Principal, in *loginByPasskeyInput) (*Account, error) {
	if err := a.maySignIn(in.Request); err != nil {
		return nil, err
	}
	signedIn, err := a.Sessions.LoginPasskey(ctx, a.client(in.Request), a.SignIn.Party(in.Request), in.Body.Token.Value, in.Body.Credential)
	return a.signedIn(in.Request, signedIn, err)
}

var docPasskeyList = rest.Doc{ID: "listPasskeys", Tag: "Sign-in", Summary: "List your passkeys", Text: "The oldest first, at most 20. The list is never paged."}

func (a *API) passkeyList(ctx context.Context, c *access.Principal, _ *rest.None) (*rest.List[Passkey], error) {
	list, err := a.Sessions.Passkeys(ctx, c)
	if err != nil {
		return nil, err
	}
	data := make([]Passkey, len(list))
	for i := range list {
		data[i] = *showPasskey(&list[i])
	}
	return rest.PageOf(data, ""), nil
}

var docPasskeyOffer = rest.Doc{ID: "getNewPasskeyOptions", Tag: "Sign-in", Summary: "Begin to add a passkey",
	Text: "For pages that call `navigator.credentials.create`; its answer is for `addPasskey`, within ten minutes, in the same session and once."}

func (a *API) passkeyOffer(ctx context.Context, c *access.Principal, in *requestInput) (*PasskeyOptions, error) {
	options, err := a.Sessions.OfferPasskey(ctx, c, a.SignIn.Party(in.Request))
	if err != nil {
		return nil, err
	}
	return &PasskeyOptions{options}, nil
}

// AddPasskey is the request to add a passkey.
type AddPasskey struct {
	Name       string       `json:"name" required:"true" maxLength:"100" doc:"by which you tell it from others" example:"\"Laptop\""`
	Credential rest.RawJSON `json:"credential" required:"true" doc:"what navigator.credentials.create answers, in its JSON form (toJSON)" example:"{\"id\":\"…\",\"type\":\"public-key\",\"response\":{}}"`
}

// Room implements rest.Roomy.
func (*AddPasskey) Room() (bytes int64, depth int) { return passkey.MaxAnswer + 1<<10, 8 }

var docPasskeyAdd = rest.Doc{ID: "addPasskey", Tag: "Sign-in", Summary: "Add a passkey", Status: 201}

type passkeyAddInput struct {
	Request *http.Request
	Body    AddPasskey `body:"required"`
}

func (a *API) passkeyAdd(ctx context.Context, c *access.Principal, in *passkeyAddInput) (*Passkey, error) {
	k, err := a.Sessions.AddPasskey(ctx, c, a.SignIn.Party(in.Request), in.Body.Name, in.Body.Credential)
	if err != nil {
		return nil, err
	}
	return showPasskey(&k), nil
}

// UpdatePasskey is the request to rename a passkey.
type UpdatePasskey struct {
	Name string `json:"name" required:"true" maxLength:"100" example:"\"Old laptop\""`
}

type passkeyPath struct {
	ID string `path:"id" doc:"the passkey's id"`
}

type passkeyUpdateInput struct {
	passkeyPath
	Body UpdatePasskey `body:"required"`
}

var docPasskeyUpdate = rest.Doc{ID: "renamePasskey", Tag: "Sign-in", Summary: "Rename a passkey"}

func (a *API) passkeyUpdate(ctx context.Context, c *access.Principal, in *passkeyUpdateInput) (*Passkey, error) {
	k, err := a.Sessions.RenamePasskey(ctx, c, in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return showPasskey(&k), nil
}

var docPasskeyDelete = rest.Doc{ID: "removePasskey", Tag: "Sign-in", Summary: "Remove a passkey", Status: 204, Text: "It signs nobody in from then on. Sessions go on. The authenticator keeps its part until its owner deletes that."}

func (a *API) passkeyDelete(ctx context.Context, c *access.Principal, in *passkeyPath) (*rest.None, error) {
	return nil, a.Sessions.RemovePasskey(ctx, c, in.ID)
}
