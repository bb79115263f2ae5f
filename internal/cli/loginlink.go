package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/user"
)

// loginLink is the output of "relay users login-link".
type loginLink struct {
	User      string    `json:"user"`
	Link      string    `json:"link"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func newLoginLink(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "login-link EMAIL", Short: "Make a link by which a person signs in who cannot otherwise", Args: exactly("EMAIL"),
		Long: "Make a link by which a person chooses a new password and signs in. It holds for an hour, and once.\n\n" +
			"The command works on the data folder, whether a server runs on it or not, and needs no key: it is for the person\n" +
			"who runs the machine and has lost every other way in. Run it as the server's user. With --remote it asks a server\n" +
			"over the API instead, with a key of the platform; that is the way with PostgreSQL, where RELAY_ADMIN_KEY gives a\n" +
			"server a new key.",
		Example: "  relay users login-link ada@example.com --data /var/lib/relay\n  relay users login-link ada@example.com --remote",
	}
	f := cmd.Flags()
	remote := f.Bool("remote", false, "ask a server over the API")
	file := f.String("config", "", "YAML `file` with settings (RELAY_CONFIG)")
	addSettings(f, func(s config.Setting) bool {
		return s.Name == "data" || s.Name == "database" || s.Name == "databaseFile" || s.Name == "listen" || s.Name == "publicUrl"
	})
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var link loginLink
		if *remote {
			c, err := conn.client()
			if err != nil {
				return err
			}
			if link, err = remoteLink(cmd.Context(), c, args[0]); err != nil {
				return err
			}
		} else {
			cfg, err := config.Load(config.Sources{File: *file, Getenv: env.LookupEnv, Flags: given(f)})
			if err != nil {
				return usageError{err}
			}
			if cfg.Database != "" {
				return usageError{errors.New("this installation stores everything in PostgreSQL: use --remote with a key of the platform")}
			}
			if err := sameUser(cfg.Data); err != nil {
				return err
			}
			if link, err = localLink(cmd.Context(), &cfg, args[0]); err != nil {
				return err
			}
		}
		if conn.people() {
			_, err := fmt.Fprintf(env.Stdout, "%s\nThe link of %s holds until %s, and once.\n", link.Link, printable(link.User), link.ExpiresAt.Local().Format("15:04"))
			return err
		}
		return conn.printAnswer(link)
	}
	return cmd
}

func linkTo(server, token string) string { return strings.TrimRight(server, "/") + "/invite/" + token }

// remoteLink asks a server for the link.
func remoteLink(ctx context.Context, c *client.Client, email string) (loginLink, error) {
	for _, role := range []string{"", string(access.RoleOperator)} {
		for u, err := range c.ListUsers(ctx, client.ListUsersParams{Email: email, Role: role}) {
			if err != nil {
				return loginLink{}, err
			}
			made, err := c.MakeLoginLink(ctx, u.ID)
			if err != nil {
				return loginLink{}, err
			}
			if made.Link == nil {
				return loginLink{}, errors.New("the server answered without a link")
			}
			return loginLink{made.Email, linkTo(c.URL(), made.Link.Token), made.Link.ExpiresAt}, nil
		}
	}
	return loginLink{}, fmt.Errorf("there is no user %q", email)
}

// localLink makes the link in the data folder.
func localLink(ctx context.Context, cfg *config.Config, email string) (link loginLink, err error) {
	store, err := sqlite.OpenUsers(ctx, cfg.Data)
	if err != nil {
		return link, explain(err, cfg)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	tenants, err := store.TenantList(ctx)
	if err != nil {
		return link, err
	}
	ids := []event.TenantID{access.Platform}
	for _, t := range tenants {
		ids = append(ids, t.ID)
	}
	directory := user.NewDirectory(store)
	for _, id := range ids {
		q := user.Query{Email: email, Limit: 1}
		if id == access.Platform {
			q.Role = access.RoleOperator
		}
		who := access.System(id)
		list, _, err := directory.List(ctx, who, q)
		if err != nil {
			return link, err
		}
		if len(list) == 0 {
			continue
		}
		make := directory.LoginLink
		if list[0].State == user.Invited {
			make = directory.Reinvite
		}
		u, token, err := make(ctx, who, list[0].ID)
		if err != nil {
			return link, err
		}
		server := cmp.Or(cfg.PublicURL, "http://"+reachable(cfg.Listen))
		return loginLink{u.Email, linkTo(server, token.Text), token.ExpiresAt}, nil
	}
	return link, fmt.Errorf("there is no user %q", email)
}
