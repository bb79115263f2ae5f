package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/user"
)

// Users are the people who sign in, as admins manage them; user.Directory does.
type Users interface {
	Invite(ctx context.Context, p *access.Principal, n user.New) (user.User, user.Token, error)
	List(ctx context.Context, p *access.Principal, q user.Query) (list []user.User, more bool, err error)
	Get(ctx context.Context, p *access.Principal, id string) (user.User, error)
	Change(ctx context.Context, p *access.Principal, id string, c user.Edit) (user.User, error)
	Disable(ctx context.Context, p *access.Principal, id string) (user.User, error)
	Enable(ctx context.Context, p *access.Principal, id string) (user.User, error)
	Remove(ctx context.Context, p *access.Principal, id string) error
	Reinvite(ctx context.Context, p *access.Principal, id string) (user.User, user.Token, error)
	Count(ctx context.Context, tenant event.TenantID) (int64, error)
	LoginLink(ctx context.Context, p *access.Principal, id string) (user.User, user.Token, error)
	DisableFactor(ctx context.Context, p *access.Principal, id string) (user.User, error)
}

// User is a person in a tenant, or an operator of the installation.
type User struct {
	ID        string     `json:"id" example:"\"usr_6b1f0c9d2e8a47530f61\""`
	Email     string     `json:"email" example:"\"ann@example.com\""`
	Name      string     `json:"name" example:"\"Ann\""`
	Role      string     `json:"role" enum:"viewer,member,admin,operator" example:"\"member\""`
	State     string     `json:"state" enum:"invited,active,disabled" doc:"invited: the invitation has not been accepted yet; disabled: the person may do nothing here until they are enabled again" example:"\"active\""`
	CreatedAt rest.Time  `json:"createdAt" doc:"when they were invited"`
	SeenAt    *rest.Time `json:"seenAt" doc:"their last request in this tenant, to the minute; null: none yet"`
	// SecondFactor tells that they prove one when they sign in.
	SecondFactor bool       `json:"secondFactor" doc:"they prove a second factor when they sign in" example:"false"`
	Link         *LinkToken `json:"link,omitempty" doc:"the right to sign in once, for the person; shown only in the answers to the calls that make it"`
}

// LinkToken is the right to sign in once.
type LinkToken struct {
	Token     string    `json:"token" doc:"hand it to the person over a channel that you trust; see signInByLink" example:"\"rl_…\""`
	ExpiresAt rest.Time `json:"expiresAt"`
}

func showUser(u *user.User) *User {
	return &User{
		ID: u.ID, Email: u.Email, Name: u.Name, Role: string(u.Role), State: string(u.State),
		CreatedAt: rest.Time(u.CreatedAt), SeenAt: rest.TimeOrNil(u.SeenAt), SecondFactor: u.SecondFactor,
	}
}

func showInvited(u *user.User, t user.Token) *User {
	v := showUser(u)
	v.Link = &LinkToken{Token: t.Text, ExpiresAt: rest.Time(t.ExpiresAt)}
	return v
}

var docUserList = rest.Doc{ID: "listUsers", Tag: "Users", Summary: "List users", Text: "In the order of their e-mail addresses. Operators belong to no tenant: `role=operator` lists them, to whoever runs the platform."}

type userQuery struct {
	rest.Page
	Role  string `query:"role" enum:"viewer,member,admin,operator" doc:"only users with this role"`
	State string `query:"state" enum:"invited,active,disabled" doc:"only users in this state"`
	Email string `query:"email" doc:"only the user with this address"`
}

func (a *API) userList(ctx context.Context, c *access.Principal, in *userQuery) (*rest.List[User], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, more, err := a.Users.List(ctx, c, user.Query{Role: access.Role(in.Role), State: user.State(in.State), Email: in.Email, After: after, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	data := make([]User, len(list))
	for i := range list {
		data[i] = *showUser(&list[i])
	}
	next := ""
	if more {
		next = rest.TextCursor(list[len(list)-1].Email)
	}
	return rest.PageOf(data, next), nil
}

// InviteUser is the request to invite somebody.
type InviteUser struct {
	Email string           `json:"email" required:"true" maxLength:"254" doc:"by which the person signs in" example:"\"ann@example.com\""`
	Name  rest.Opt[string] `json:"name" maxLength:"100" doc:"a label for people; the person may choose another when they accept" example:"\"Ann\""`
	Role  string           `json:"role" required:"true" enum:"viewer,member,admin,operator" doc:"viewer: look at everything but secrets; member: also change webhooks and event types, retry and replay; admin: also keys, users, the gate and the audit log; operator: run the installation, which only the platform may give" example:"\"member\""`
}

var docUserInvite = rest.Doc{ID: "inviteUser", Tag: "Users", Summary: "Invite a user", Status: 201,
	Text: "The answer shows a token, for the only time. Its holder accepts with `POST /v1/session/link` within seven days, and chooses a password, unless they have one at this installation, which they then prove. " +
		"Until they accept they may do nothing."}

type inviteInput struct {
	Body InviteUser `body:"required"`
}

func (a *API) userInvite(ctx context.Context, c *access.Principal, in *inviteInput) (*User, error) {
	u, token, err := a.Users.Invite(ctx, c, user.New{Email: in.Body.Email, Name: in.Body.Name.Value, Role: access.Role(in.Body.Role)})
	if err != nil {
		return nil, err
	}
	return showInvited(&u, token), nil
}

type userPath struct {
	ID string `path:"id" doc:"the user's id"`
}

var docUserGet = rest.Doc{ID: "getUser", Tag: "Users", Summary: "Get a user"}

func (a *API) userGet(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	return shown(a.Users.Get(ctx, c, in.ID))
}

func shown(u user.User, err error) (*User, error) {
	if err != nil {
		return nil, err
	}
	return showUser(&u), nil
}

// UpdateUser is the request to change a user.
type UpdateUser struct {
	Name rest.Opt[string] `json:"name" maxLength:"100" doc:"null: none" example:"\"Ann B.\""`
	Role rest.Opt[string] `json:"role" enum:"viewer,member,admin" example:"\"admin\""`
}

var docUserUpdate = rest.Doc{ID: "updateUser", Tag: "Users", Summary: "Change a user's name or role", Text: "A new role holds from the person's next request on. Nobody changes their own."}

type userUpdateInput struct {
	userPath
	Body UpdateUser `body:"required"`
}

func (a *API) userUpdate(ctx context.Context, c *access.Principal, in *userUpdateInput) (*User, error) {
	var edit user.Edit
	if in.Body.Name.Given {
		edit.Name = &in.Body.Name.Value
	}
	if in.Body.Role.Given {
		role := access.Role(in.Body.Role.Value)
		edit.Role = &role
	}
	return shown(a.Users.Change(ctx, c, in.ID, edit))
}

var docUserDisable = rest.Doc{ID: "disableUser", Tag: "Users", Summary: "Disable a user", Text: "From their next request on they may do nothing in the tenant, until they are enabled. In other tenants they stay as they are."}

func (a *API) userDisable(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	return shown(a.Users.Disable(ctx, c, in.ID))
}

var docUserEnable = rest.Doc{ID: "enableUser", Tag: "Users", Summary: "Enable a user"}

func (a *API) userEnable(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	return shown(a.Users.Enable(ctx, c, in.ID))
}

var docUserDelete = rest.Doc{ID: "deleteUser", Tag: "Users", Summary: "Remove a user from the tenant", Status: 204, Text: "An invitation that was not accepted is withdrawn. With a person's last tenant go their password and their sessions."}

func (a *API) userDelete(ctx context.Context, c *access.Principal, in *userPath) (*rest.None, error) {
	return nil, a.Users.Remove(ctx, c, in.ID)
}

var docUserReinvite = rest.Doc{ID: "inviteUserAgain", Tag: "Users", Summary: "Make a new token for an invitation", Text: "The one before is no longer valid."}

func (a *API) userReinvite(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	u, token, err := a.Users.Reinvite(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return showInvited(&u, token), nil
}

var docUserLoginLink = rest.Doc{ID: "makeLoginLink", Tag: "Users", Summary: "Make a token that sets a new password",
	Text: "For somebody who has lost their password. The token holds for an hour, and for one use with `POST /v1/session/link`, which ends the person's sessions. It opens all of their tenants; so only the platform may make one."}

func (a *API) userLoginLink(ctx context.Context, c *access.Principal, in *userPath) (*User, error) {
	u, token, err := a.Users.LoginLink(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return showInvited(&u, token), nil
}
