package deps_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/testenv"
)

const module = "github.com/relay-events/relay"

// domain is the highest layer of the domain packages: from here down, packages know no SQL drivers,
// routers or log formats.
const domain = 5

// place describes the place of a package.
type place struct {
	layer int
	kit   bool     // for tests only: never in the binary, imported by no ordinary package
	face  bool     // an interface to people or programs outside; faces never import each other
	only  []string // if set, the only packages of this module that it may import
	what  string
}

// places is the layout of the module: every package, in the order of the layers. The key is the
// path below the module.
var places = map[string]place{
	"internal/problem":       {layer: 0, what: "kinds of failure; everybody returns them, so it knows nobody"},
	"internal/event":         {layer: 0, what: "the event, its ids and limits; the word all others use"},
	"internal/event/rawjson": {layer: 0, what: "strict checks on raw JSON; bytes in, verdict out"},
	"internal/signing":       {layer: 0, what: "secrets and bytes to signature headers; the public receiver uses it too"},
	"internal/randomid":      {layer: 0, what: "public ids and tokens; a prefix in, a text out"},
	"internal/nearest":       {layer: 0, what: "the word that a misspelt one was meant to be; texts in, text out"},
	"internal/secret":        {layer: 0, what: "encryption at rest, and texts that do not print; bytes in, bytes out"},

	"internal/registry": {layer: 0, what: "configuration in memory: snapshots, subscribers, records; every domain keeps its own in it"},

	"internal/exchange": {layer: 0, what: "the record of one exchange with a destination; senders write it, log and API show it"},

	"internal/regexsize": {layer: 0, what: "how large regular expressions become; filters and schemas bound it"},

	"internal/priority": {layer: 0, what: "threads of low priority for users' costly work; filters and transforms run on them"},

	"internal/definition": {layer: 1, what: "definitions that people write: values with the places of their mistakes, and expressions in them; connectors and journeys are such"},

	"internal/malformed": {layer: 1, what: "where a body stops being JSON, for clients; every parser of bodies uses it"},

	"internal/tally":               {layer: 4, what: "counts of attempts and events by the hour; the engine and the ingester tell it, stores keep them"},
	"internal/passkey":             {layer: 0, what: "the WebAuthn protocol: what to ask a browser for, what its answer proves; keeps nothing"},
	"internal/passkey/passkeytest": {layer: 0, kit: true, what: "an authenticator in software, for tests"},

	"internal/csvcell": {layer: 0, what: "cells of CSV files that no spreadsheet takes for formulas; text in, text out"},

	"internal/chart": {layer: 0, what: "charts as rectangles and labels; numbers in, numbers out"},

	"internal/access": {layer: 0, what: "who is calling, what they may do, what they did"},

	"internal/catalogue": {layer: 1, what: "event types, packs, schemas, derivations"},
	"internal/filter":    {layer: 1, what: "user code: CEL; needs an event's bytes only"},
	"internal/transform": {layer: 1, what: "user code: sandboxed JavaScript; needs an event's bytes only"},
	"internal/account":   {layer: 1, what: "tenants, keys, scopes"},
	"internal/user":      {layer: 1, what: "people who sign in: roles in tenants, passwords, sessions"},
	"internal/oidc":      {layer: 1, what: "sign-ins at an identity provider: where to send a browser, what to believe of the answer"},
	"internal/egress":    {layer: 1, what: "the only dialer and transport of the program"},

	"internal/egress/auth": {layer: 1, what: "how requests say who they come from; asks for tokens over egress"},

	"internal/webhook":  {layer: 2, what: "a subscription: settings, presets, policy, state"},
	"internal/provider": {layer: 2, what: "identity providers: which there are, who may come from them, what they are here"},
	"internal/format":   {layer: 2, what: "bodies as endpoints receive them"},

	"internal/destination":      {layer: 3, what: "the engine's idea of where events go: a sender, and what came of an attempt"},
	"internal/destination/http": {layer: 3, what: "HTTP endpoints: headers, signatures, authentication, statuses"},

	"internal/builtin": {layer: 3, what: "an endpoint within the program, for webhooks without a server yet"},

	"internal/delivery": {layer: 3, what: "the engine: lanes, attempts, backoff, claims, recovery"},

	"internal/portal": {layer: 3, what: "links by which customers of tenants manage their webhooks: scope, sessions, looks"},

	"internal/ledger": {layer: 4, what: "what became of deliveries and why; retry, cancel, resend by hand"},
	"internal/ingest": {layer: 4, what: "accept, derive, route, group commit; hands deliveries to the engine"},

	"internal/gate":      {layer: 5, what: "a product on top of the engine: respondents, campaigns, decisions"},
	"internal/hook":      {layer: 5, what: "a product on top of the engine: REST hooks of automation platforms"},
	"internal/connector": {layer: 5, what: "a product on top of the engine: definitions, connections"},
	"internal/audience":  {layer: 5, what: "a product on top of the engine: who is in a segment"},
	"internal/attention": {layer: 5, what: "which failures somebody must look at, and what to do about them"},
	"internal/logview":   {layer: 5, what: "filters of the log under names"},
	"internal/journey":   {layer: 5, what: "a product on top of the engine: steps over time"},

	"internal/connector/connectortest": {layer: 7, kit: true, what: "connectors on a store and an engine, for tests"},

	"internal/store":                   {layer: 6, what: "what both stores share; implements what the domain packages ask for"},
	"internal/store/column":            {layer: 6, what: "what columns of either store hold of the configuration"},
	"internal/store/idempotency":       {layer: 6, what: "which events of a group commit repeat another or conflict"},
	"internal/store/logentry":          {layer: 6, what: "the bytes of a log entry that no index looks at"},
	"internal/store/sqltext":           {layer: 6, what: "the SQL files that are part of the program"},
	"internal/store/tables":            {layer: 6, what: "everything in plain tables: one SQL text and one implementation for both stores"},
	"internal/store/utcday":            {layer: 6, what: "the days by which both stores keep and expire"},
	"internal/store/sqlite":            {layer: 6, what: "the storage contracts on SQLite"},
	"internal/store/postgres":          {layer: 6, what: "the storage contracts on PostgreSQL"},
	"internal/store/postgres/pgtest":   {layer: 6, kit: true, what: "a real PostgreSQL for tests"},
	"internal/store/storetest":         {layer: 6, kit: true, what: "one behaviour suite for both stores"},
	"internal/web":                     {layer: 6, what: "handler adapter, problem table, limits, sessions"},
	"internal/store/sqlite/osfile":     {layer: 6, what: "how SQLite gets to its files; knows the driver and the system only"},
	"internal/store/sqlite/powercut":   {layer: 6, kit: true, what: "what a disk holds after a power cut, for tests"},
	"internal/store/sqlite/sqlitetest": {layer: 6, kit: true, what: "damaged files of a data folder, for tests"},

	"internal/rest": {layer: 6, what: "route tables to JSON APIs with their documents; knows no route"},

	"internal/api":       {layer: 7, face: true, what: "JSON routes over the domain calls"},
	"internal/dashboard": {layer: 7, face: true, what: "pages over the same domain calls"},
	"internal/config":    {layer: 7, what: "settings; turns them into the options of the packages below"},
	"internal/observe":   {layer: 7, what: "logs and metrics; reads the counters of the packages below"},
	"internal/tracing":   {layer: 7, what: "spans for an OpenTelemetry collector, made of what the packages below record"},

	"internal/transfer": {layer: 7, what: "an installation from a folder to PostgreSQL"},
	"internal/importer": {layer: 7, what: "endpoints of other webhook senders, as webhooks of Relay"},
	"internal/backup":   {layer: 7, what: "copies of the data folder while it is in use, and back"},

	// Public packages bring as little of Relay along as possible, because other people's programs
	// link them.
	"client":                {layer: 7, only: []string{"internal/signing", "internal/event"}, what: "public: Go client of the API"},
	"receiver":              {layer: 7, only: []string{"internal/signing", "internal/event"}, what: "public: verify, dedupe, typed events"},
	"receiver/push":         {layer: 7, only: []string{}, what: "public: typed events of the push format"},
	"receiver/receivertest": {layer: 8, kit: true, what: "public: signed requests for receivers' tests"},

	"internal/statusline": {layer: 0, what: "how far a command is, on one line of a terminal"},

	"internal/app":    {layer: 8, what: "builds, starts and stops everything"},
	"internal/doctor": {layer: 8, what: "what is broken on an installation; looks at all parts of it, and changes nothing"},

	"internal/cli":   {layer: 9, what: "the commands"},
	"internal/bench": {layer: 9, what: "load generator and raw ceiling"},

	"cmd/relay": {layer: 10, what: "main"},

	"internal/clientgen": {layer: 0, kit: true, what: "the generated part of package client, from the OpenAPI document"},
	"internal/deps":      {layer: 0, kit: true, what: "tests about the code, such as this one"},
	"internal/e2etest":   {layer: 10, kit: true, what: "the built binary, as its users meet it"},
	"internal/faulttest": {layer: 10, kit: true, what: "the built binary, killed and starved; a checker of what is left"},
	"internal/testenv":   {layer: 0, kit: true, what: "what tests need from the machine"},
}

// edge is an import within one layer.
type edge struct{ from, to string }

// beside lists the allowed imports within one layer, with reasons.
var beside = map[edge]string{
	{"internal/registry", "internal/access"}:                           "whoever changes a record leaves an audit entry",
	{"internal/registry", "internal/event"}:                            "every record belongs to a tenant",
	{"internal/registry", "internal/problem"}:                          "a record that is not there is a problem with a kind",
	{"internal/access", "internal/problem"}:                            "what a limit refuses is a problem with a kind",
	{"internal/access", "internal/event"}:                              "everything belongs to a tenant",
	{"internal/event", "internal/event/rawjson"}:                       "accepting an event means checking its bytes",
	{"internal/event", "internal/problem"}:                             "a refused event is a problem with a kind",
	{"internal/event/rawjson", "internal/problem"}:                     "so is refused JSON",
	{"internal/signing", "internal/problem"}:                           "so is a secret that cannot be used",
	{"internal/webhook", "internal/format"}:                            "a webhook names its format, whose options are checked when it is saved",
	{"internal/destination/http", "internal/destination"}:              "it is a kind of destination",
	{"internal/delivery", "internal/destination"}:                      "a lane holds a sender",
	{"internal/egress/auth", "internal/egress"}:                        "tokens are fetched through the one way out",
	{"internal/audience", "internal/connector"}:                        "an audience is attached to connections",
	{"internal/journey", "internal/audience"}:                          "a journey starts when somebody enters a segment",
	{"internal/journey", "internal/connector"}:                         "a step sends by a connection",
	{"internal/store/sqlite", "internal/store/column"}:                 "both stores keep the configuration alike",
	{"internal/store/sqlite", "internal/store/idempotency"}:            "both stores choose duplicates alike",
	{"internal/store/sqlite", "internal/store/logentry"}:               "both stores keep log entries alike",
	{"internal/store/sqlite", "internal/store/sqltext"}:                "SQL stands in files",
	{"internal/store/sqlite", "internal/store/tables"}:                 "it embeds what lies in plain tables",
	{"internal/store/postgres", "internal/store/tables"}:               "it embeds what lies in plain tables",
	{"internal/store/tables", "internal/store/column"}:                 "columns of times and JSON",
	{"internal/store/tables", "internal/store/sqltext"}:                "SQL stands in files",
	{"internal/store/sqlite", "internal/store/sqlite/osfile"}:          "one package is how it gets to its files",
	{"internal/store/sqlite/powercut", "internal/store/sqlite/osfile"}: "it stands below it",
	{"internal/store/sqlite", "internal/store/utcday"}:                 "both stores expire by days",
	{"internal/store/postgres", "internal/store/column"}:               "both stores keep the configuration alike",
	{"internal/store/postgres", "internal/store/idempotency"}:          "both stores choose duplicates alike",
	{"internal/store/postgres", "internal/store/logentry"}:             "both stores keep log entries alike",
	{"internal/store/postgres", "internal/store/sqltext"}:              "SQL stands in files",
	{"internal/store/postgres", "internal/store/utcday"}:               "both stores expire by days",
	{"internal/store/sqlite", "internal/store"}:                        "what both stores share",
	{"internal/store/postgres", "internal/store"}:                      "what both stores share",
	{"internal/store/storetest", "internal/store"}:                     "the suite speaks of what both stores share",
	{"internal/rest", "internal/web"}:                                  "problems and answers are written by the server",
	{"internal/cli", "internal/bench"}:                                 "relay bench is a command like any other",
	{"internal/config", "internal/observe"}:                            "settings of logs",
	{"internal/config", "internal/tracing"}:                            "settings of traces",
}

// notInDomain lists modules and packages that domain packages must not import directly.
var notInDomain = map[string]string{
	"database/sql":                       "SQL belongs in internal/store",
	"github.com/ncruces/go-sqlite3":      "SQL belongs in internal/store",
	"modernc.org/sqlite":                 "SQL belongs in internal/store",
	"github.com/mattn/go-sqlite3":        "SQL belongs in internal/store",
	"github.com/jackc/pgx":               "SQL belongs in internal/store",
	"github.com/lib/pq":                  "SQL belongs in internal/store",
	"github.com/pressly/goose":           "migrations belong in internal/store",
	"github.com/danielgtaylor/huma":      "routes belong in internal/api",
	"github.com/go-chi/chi":              "routes belong in internal/api",
	"github.com/gorilla/mux":             "routes belong in internal/api",
	"github.com/lmittmann/tint":          "loggers are handed in; internal/observe sets them up",
	"go.opentelemetry.io/otel/sdk":       "spans are made in internal/tracing",
	"go.opentelemetry.io/otel/exporters": "spans are made in internal/tracing",
	"github.com/spf13/cobra":             "commands belong in internal/cli",
	"github.com/knadh/koanf":             "settings are read in internal/config and handed in",
}

// never lists imports that the layers allow and the design does not. The engine must not know how deliveries travel: each
// word of a protocol in it would be in the way of the next kind of destination.
var never = map[edge]string{
	{"internal/delivery", "internal/egress"}:           "senders dial, behind internal/destination",
	{"internal/delivery", "internal/egress/auth"}:      "senders authenticate, behind internal/destination",
	{"internal/delivery", "internal/destination/http"}: "kinds of destination are registered in internal/app",
	{"internal/delivery", "internal/signing"}:          "senders sign, behind internal/destination",
	{"internal/delivery", "net/http"}:                  "status codes and header names belong in internal/destination/http",
}

// vague lists folder names that say nothing about their content, and so attract anything.
var vague = []string{"util", "utils", "common", "model", "models", "helper", "helpers", "service", "services", "misc", "shared"}

func TestImports(t *testing.T) {
	for _, complaint := range check(goList(t)) {
		t.Error(complaint)
	}
}

// TestCheckComplains gives check a module with one mistake of each kind, because on a correct tree
// TestImports would pass even if check did nothing.
func TestCheckComplains(t *testing.T) {
	at := func(path string, imports ...string) goPackage {
		for i, imp := range imports {
			if strings.HasPrefix(imp, "internal/") || imp == "receiver" {
				imports[i] = module + "/" + imp
			}
		}
		return goPackage{ImportPath: module + "/" + path, Imports: imports}
	}
	tests := []struct {
		name string
		pkg  goPackage
		want string // "" if the package is correct
	}{
		{"downward", at("internal/delivery", "internal/event", "internal/filter", "net/url"), ""},
		{"upward", at("internal/delivery", "internal/ingest"), "internal/delivery (layer 3) imports internal/ingest (layer 4)"},
		{"same layer", at("internal/filter", "internal/transform"), "internal/filter (layer 1) imports internal/transform (layer 1)"},
		{"same layer, listed", at("internal/event", "internal/event/rawjson"), ""},
		{"same layer, listed the other way", at("internal/event/rawjson", "internal/event"), "internal/event/rawjson (layer 0) imports internal/event (layer 0)"},
		{"api to dashboard", at("internal/api", "internal/dashboard"), "must never import each other"},
		{"dashboard to api", at("internal/dashboard", "internal/api"), "must never import each other"},
		{"a face to the adapter", at("internal/dashboard", "internal/rest"), ""},
		{"unknown", at("internal/novelty"), "add it to places"},
		{"unknown is imported", at("internal/app", "internal/novelty"), "not in places"},
		{"engine to egress", at("internal/delivery", "internal/egress"), "internal/delivery must not import internal/egress"},
		{"engine to HTTP", at("internal/delivery", "net/http"), "internal/delivery must not import net/http"},
		{"vague", at("internal/webhook/utils"), `named "utils"`},
		{"driver in a domain package", at("internal/account", "github.com/jackc/pgx/v5"), "SQL belongs in internal/store"},
		{"driver's package", at("internal/gate", "github.com/ncruces/go-sqlite3/driver"), "SQL belongs in internal/store"},
		{"another module with a like name", at("internal/gate", "github.com/ncruces/go-sqlite3x"), ""},
		{"driver in the store", at("internal/store/sqlite", "github.com/ncruces/go-sqlite3"), ""},
		{"kit in an ordinary package", at("internal/api", "internal/testenv"), "is for tests only"},
		{"kit in a kit", at("internal/store/storetest", "internal/testenv"), ""},
		{"public", at("receiver", "internal/signing"), ""},
		{"public with too much", at("receiver", "internal/problem"), "public package receiver imports internal/problem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(check([]goPackage{tt.pkg}), "\n")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("%s importing %q: got %q, want %q", tt.pkg.ImportPath, tt.pkg.Imports, got, tt.want)
			}
		})
	}
}

// TestPlacesGiveReasons checks that the tables give reasons, because developers look them up there.
func TestPlacesGiveReasons(t *testing.T) {
	for path, p := range places {
		if p.what == "" {
			t.Errorf("places: %s has no reason", path)
		}
		if named := strings.HasSuffix(path, "test") || path == "internal/testenv"; named && !p.kit {
			t.Errorf("places: %s is named like a test kit but not marked as one", path)
		}
	}
	for e, why := range beside {
		from, okFrom := places[e.from]
		to, okTo := places[e.to]
		if why == "" || !okFrom || !okTo || from.layer != to.layer {
			t.Errorf("beside: %s to %s: want a reason, and two packages of places in one layer", e.from, e.to)
		}
	}
}

func TestBinaryHoldsNoTestKit(t *testing.T) {
	root := testenv.Root(t)
	if _, err := os.Stat(filepath.Join(root, "cmd", "relay")); errors.Is(err, fs.ErrNotExist) {
		t.Log("cmd/relay does not exist yet: nothing to check")
		return
	}
	for _, path := range strings.Fields(goCommand(t, root, "list", "-deps", "./cmd/relay")) {
		below := strings.TrimPrefix(path, module+"/")
		if places[below].kit {
			t.Errorf("cmd/relay links %s, which is for tests only: find who imports it with go list -deps -f '{{.ImportPath}} {{.Imports}}' ./cmd/relay", below)
		}
	}
}

// goPackage is a package as described by go list; only its own imports count here, because tests
// may import any package.
type goPackage struct {
	ImportPath string
	Imports    []string
}

// check returns the violations, one sentence each.
func check(pkgs []goPackage) []string {
	var wrong []string
	complain := func(words ...string) { wrong = append(wrong, strings.Join(words, " ")) }

	for _, pkg := range pkgs {
		from := strings.TrimPrefix(pkg.ImportPath, module+"/")
		for elem := range strings.SplitSeq(from, "/") {
			if slices.Contains(vague, elem) {
				complain(from, `has a folder named "`+elem+`": name it after what it holds`)
			}
		}
		here, known := places[from]
		if !known {
			complain(from, "has no layer: add it to places in internal/deps/imports_test.go, with a reason")
			continue
		}
		for _, imp := range pkg.Imports {
			to, ours := strings.CutPrefix(imp, module+"/")
			if why := never[edge{from, to}]; why != "" {
				complain(from, "must not import", to+":", why)
				continue
			}
			if !ours {
				for banned, why := range notInDomain {
					if here.layer <= domain && !here.kit && (imp == banned || strings.HasPrefix(imp, banned+"/")) {
						complain(from, "imports", imp+":", why)
					}
				}
				continue
			}
			there, known := places[to]
			_, listed := beside[edge{from, to}]
			switch {
			case !known:
				complain(from, "imports", to+", which is not in places of internal/deps/imports_test.go")
			case here.face && there.face:
				complain(from, "and", to, "must never import each other: they are faces of the same domain calls;",
					"move what both need to rest, web or below")
			case there.kit && !here.kit:
				complain(from, "imports", to+", which is for tests only")
			case here.only != nil && !slices.Contains(here.only, to):
				complain("public package", from, "imports", to+"; it may import", strings.Join(here.only, " and "), "only")
			case there.kit: // a kit may use kits
			case there.layer > here.layer, there.layer == here.layer && !listed:
				complain(level(from), "imports", level(to)+": imports go downward only;",
					"move what both need down, or let", from, "declare the interface it needs")
			}
		}
	}
	return wrong
}

func level(path string) string {
	return fmt.Sprintf("%s (layer %d)", path, places[path].layer)
}

// goList returns the module's packages.
func goList(t *testing.T) []goPackage {
	t.Helper()
	root := testenv.Root(t)
	// go test caches a result until a file that the test itself opened changes, and does not see
	// what the go command reads. Opening every folder makes each changed file count.
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
			return fs.SkipDir
		}
		if errors.Is(err, fs.ErrNotExist) { // removed during the walk, by an editor or another test
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("walking the module: %v", err)
	}
	var pkgs []goPackage
	dec := json.NewDecoder(strings.NewReader(goCommand(t, root, "list", "-e", "-json=ImportPath,Imports", "./...")))
	for {
		var pkg goPackage
		if err := dec.Decode(&pkg); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("reading the output of go list: %v", err)
		}
		pkgs = append(pkgs, pkg)
	}
	if len(pkgs) == 0 {
		t.Fatal("go list named no package, want at least this one")
	}
	return pkgs
}

// goCommand runs the go command in dir and returns its standard output.
func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out)
}
