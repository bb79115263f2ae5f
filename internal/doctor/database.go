package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/store/postgres"
)

// Versions of PostgreSQL: the oldest that Relay is tested with.
const oldestPostgres = 150000 // server_version_num

// database looks at the PostgreSQL database.
func (r *run) database(ctx context.Context) {
	place := r.Config.Database.Place()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	began := r.Now()
	x, err := postgres.Examine(ctx, r.Config.Database.Reveal())
	if err != nil {
		r.add(Problem, "database", place, postgres.Explain(err).Error(), "relay serve says the same until it can connect; psql with the same address shows more")
		return
	}
	r.clock("database", place, x.Now, began, r.Now())
	if x.Version < oldestPostgres {
		r.add(Warning, "database", place, fmt.Sprintf("PostgreSQL %d is older than 15, the oldest that Relay is tested with", x.Version/10000), "update PostgreSQL")
	}
	if x.Encoding != "UTF8" {
		r.add(Problem, "database", place, fmt.Sprintf("its encoding is %q", x.Encoding), "create another with ENCODING 'UTF8'")
	}
	if x.ReadOnly {
		r.add(Problem, "database", place, "it takes no writes: it is a standby, or read-only", "name the primary; list several hosts with target_session_attrs=read-write")
	}
	if !x.MayCreate {
		r.add(Problem, "database", place, fmt.Sprintf("the user %q may not create tables", x.User), fmt.Sprintf("GRANT CREATE ON SCHEMA public TO %q", x.User))
	}
	if x.Fsync == "off" {
		r.add(Problem, "database", place, "it runs with fsync off: a crash of its machine loses accepted events", "set fsync = on, and restart PostgreSQL")
	}
	switch s := x.Schema; {
	case s.Newer():
		r.add(Problem, "schema", place, fmt.Sprintf("a newer Relay has changed it (schema %d, this one knows %d)", s.Version, s.Latest), "run that version or a later one")
	case s.Version == 0:
		r.add(Warning, "schema", place, "Relay has not set it up yet", "start a server, or run relay migrate up")
	case s.Version < s.Latest:
		r.add(Warning, "schema", place, fmt.Sprintf("it has the schema %d, and this Relay %d: the next start updates it", s.Version, s.Latest), "make a backup first, with PostgreSQL's tools")
	default:
		r.ok("schema", place, "it is up to date")
	}
	r.ok("database", place, "PostgreSQL %d answers", x.Version/10000)
}
