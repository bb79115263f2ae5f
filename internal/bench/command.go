package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// receiverCommand is the hidden command that a bench runs its receiver as.
const receiverCommand = "bench-receiver"

// Commands returns the commands "bench" and "bench-receiver", the latter hidden.
func Commands() []*cobra.Command { return []*cobra.Command{benchCommand(), receiverCmd()} }

func receiverCmd() *cobra.Command {
	return &cobra.Command{
		Use: receiverCommand, Short: "the receiver of relay bench", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return RunReceiver(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
}

func benchCommand() *cobra.Command {
	o := Default()
	var (
		asJSON, all bool
		names       []string
		profile     string
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure Relay on this machine, beside a raw ceiling",
		Long: `Starts a relay and a receiver on loopback, each a process of its own, and measures
what Relay delivers, durable, signed and logged, beside what a bare net/http loop
does that signs and posts the same bodies and keeps nothing.

Without flags: a burst of 50,000 events of 1 KB in arrays of 100 to one endpoint,
and the latency at 2,000 events a second; under a minute. Nothing stays behind.

--case and --all run the rows that Relay is held to and say whether they hold.
Publisher, relay and receiver share the machine, so leave it alone meanwhile.

With --target the webhooks and events of the bench go to a running Relay, which
must reach this machine's loopback addresses (relay serve --dev); its webhooks are
removed afterwards, its events stay. Webhooks there that ask for "*" get them, too.

Cases: ` + strings.Join(caseNames(), ", "),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			o.Log = cmd.ErrOrStderr()
			if f, ok := o.Log.(*os.File); ok {
				o.Terminal = term.IsTerminal(int(f.Fd()))
			}
			if profile != "" {
				o.ServeArgs = append(o.ServeArgs, "--cpuprofile", profile)
			}
			if o.Key == "" && o.Target != "" {
				o.Key = os.Getenv("RELAY_KEY")
			}
			if all {
				names = caseNames()
			}
			if len(names) > 0 {
				if !cmd.Flags().Changed("runs") {
					o.Runs = 3
				}
				return runCases(ctx, o, names, asJSON, cmd.OutOrStdout())
			}
			res, err := Run(ctx, o)
			if err != nil {
				return fmt.Errorf("bench: %w", err)
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), res)
			}
			return res.Print(cmd.OutOrStdout(), &o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Count, "count", o.Count, "events in the burst")
	f.IntVar(&o.EventSize, "size", o.EventSize, "size of an event's data, `bytes`")
	f.IntVar(&o.Endpoints, "endpoints", o.Endpoints, "webhooks; each event goes to one of them, by turns")
	f.BoolVar(&o.FanOut, "fan-out", o.FanOut, "each event goes to all webhooks")
	f.StringVar(&o.Publish, "publish", o.Publish, "how events are published: single, array or ndjson")
	f.IntVar(&o.Array, "array", o.Array, "events in an array")
	f.IntVar(&o.Concurrency, "concurrency", o.Concurrency, "publishers, a connection each; 0: 64 for single events, 8 for arrays")
	f.Float64Var(&o.Hanging, "hanging", o.Hanging, "share of endpoints that do not answer for 10 s, 0 to 1")
	f.Float64Var(&o.Failing, "failing", o.Failing, "share of endpoints that answer 500, 0 to 1")
	f.IntVar(&o.Rate, "rate", o.Rate, "events a second at which the latency is measured; 0: not")
	f.DurationVar(&o.Duration, "duration", o.Duration, "for how long it is measured")
	f.IntVar(&o.RawCount, "raw-count", o.RawCount, "requests of the raw ceiling; 0: as --count, at most 50,000")
	f.BoolVar(&o.NoRaw, "no-raw", o.NoRaw, "leave the raw ceiling out")
	f.IntVar(&o.Runs, "runs", o.Runs, "how often to measure; the median counts (cases: 3 unless given)")
	f.Float64Var(&o.Scale, "scale", o.Scale, "size of the large cases, 1 being the row's own")
	f.StringVar(&o.Database, "database", "", "`URL` of a PostgreSQL database to measure with, in schemas that are removed afterwards; left out: a folder")
	f.IntVar(&o.Nodes, "nodes", 1, "relays that share the database")
	f.StringVar(&o.Target, "target", "", "`URL` of a running Relay to measure instead")
	f.StringVar(&o.Key, "key", "", "its `KEY`, with the scopes publish and manage; left out: RELAY_KEY")
	f.StringVar(&o.Dir, "dir", "", "`FOLDER` for the temporary data; left out: the system's")
	f.StringSliceVar(&names, "case", nil, "run this row, by its `NAME`; may be repeated")
	f.BoolVar(&all, "all", false, "run all rows")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&profile, "cpuprofile", "", "have the relay write a processor profile to `FILE`")
	f.Lookup("cpuprofile").Hidden = true
	cmd.MarkFlagsMutuallyExclusive("case", "all")
	return cmd
}

// runCases runs rows and prints them. Rows that do not hold make it fail, so that a script notices.
func runCases(ctx context.Context, o Options, names []string, asJSON bool, out io.Writer) error {
	rows, err := RunCases(ctx, o, names)
	if asJSON {
		err = joinFirst(err, writeJSON(out, rows))
	} else if len(rows) > 0 {
		err = joinFirst(err, PrintRows(out, rows))
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	missed := 0
	for _, r := range rows {
		if !r.Holds {
			missed++
		}
	}
	if missed > 0 {
		return fmt.Errorf("bench: %d of %d rows do not hold", missed, len(rows))
	}
	return nil
}

func joinFirst(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
