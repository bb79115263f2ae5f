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

// receiverCommand is the hidden command that runs the receiver of a bench.
const receiverCommand = "bench-receiver"

// Commands returns the command "bench" and the hidden command "bench-receiver".
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
		Use:     "bench",
		Short:   "Measure Relay on this machine against a raw ceiling",
		Example: "  relay bench\n  relay bench --all",
		Long: `Measure what Relay delivers on this machine, durable, signed and logged, against a
bare net/http loop that signs and posts the same bodies and stores nothing. The
command starts a relay and a receiver on loopback, as separate processes.

Without flags it runs a burst of 50,000 events of 1 KB in arrays of 100 to one
endpoint, and measures the latency at 2,000 events per second. This takes less than
a minute and leaves no files behind.

Use --case or --all to run the cases that Relay is measured by, and to compare them
with their targets. Publisher, relay and receiver share the machine, so do not use
it for other work meanwhile.

Use --target to send the bench's webhooks and events to a running Relay, which must
reach this machine's loopback addresses (relay serve --dev). The bench removes its
webhooks afterwards; its events stay. Other webhooks on the target that want "*"
receive the events as well.

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
	f.IntVar(&o.EventSize, "size", o.EventSize, "size of an event's data in `bytes`")
	f.IntVar(&o.Endpoints, "endpoints", o.Endpoints, "number of webhooks; each event goes to one of them in turn")
	f.BoolVar(&o.FanOut, "fan-out", o.FanOut, "send each event to all webhooks")
	f.StringVar(&o.Publish, "publish", o.Publish, "how to publish events: single, array or ndjson")
	f.IntVar(&o.Array, "array", o.Array, "events in an array")
	f.IntVar(&o.Concurrency, "concurrency", o.Concurrency, "number of publishers, each with one connection; 0: 64 for single events, 8 for arrays")
	f.Float64Var(&o.Hanging, "hanging", o.Hanging, "share of endpoints that do not answer for 10 s, 0 to 1")
	f.Float64Var(&o.Failing, "failing", o.Failing, "share of endpoints that answer 500, 0 to 1")
	f.IntVar(&o.Rate, "rate", o.Rate, "events per second at which to measure the latency; 0: do not measure it")
	f.DurationVar(&o.Duration, "duration", o.Duration, "how long to measure the latency")
	f.IntVar(&o.RawCount, "raw-count", o.RawCount, "requests of the raw ceiling; 0: the same as --count, at most 50,000")
	f.BoolVar(&o.NoRaw, "no-raw", o.NoRaw, "omit the raw ceiling")
	f.IntVar(&o.Runs, "runs", o.Runs, "number of measurements, of which the median counts (default for cases: 3)")
	f.Float64Var(&o.Scale, "scale", o.Scale, "factor for the sizes of the large cases")
	f.StringVar(&o.Database, "database", "", "`URL` of a PostgreSQL database to use instead of a folder, in schemas that are removed afterwards")
	f.IntVar(&o.Nodes, "nodes", 1, "number of relays that share the database")
	f.StringVar(&o.Target, "target", "", "`URL` of a running Relay to measure instead")
	f.StringVar(&o.Key, "key", "", "`KEY` of the target, with the scopes publish and manage (default: RELAY_KEY)")
	f.StringVar(&o.Dir, "dir", "", "`FOLDER` for the temporary data (default: the system's)")
	f.StringSliceVar(&names, "case", nil, "run the case with this `NAME`; may be repeated")
	f.BoolVar(&all, "all", false, "run all cases")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	f.StringVar(&profile, "cpuprofile", "", "make the relay write a processor profile to `FILE`")
	f.Lookup("cpuprofile").Hidden = true
	cmd.MarkFlagsMutuallyExclusive("case", "all")
	return cmd
}

// runCases runs rows and prints them. It fails if any row misses its target, so that scripts
// notice.
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
		return fmt.Errorf("bench: %d of %d rows miss their targets", missed, len(rows))
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
