package bench

import (
	"fmt"
	"io"
	"runtime"
	"strconv"
	"strings"
	"text/tabwriter"
)

// shared returns a note for all figures.
func shared() string {
	return fmt.Sprintf("Publisher, relay and receiver shared this machine's %d cores.", runtime.NumCPU())
}

// Print writes the result for people.
func (r *Result) Print(out io.Writer, o *Options) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	figure := func(name string, v *float64, unit string) {
		if v != nil {
			row(name, "%s %s", short(*v), unit)
		}
	}
	if r.Ratio != nil {
		row("raw ceiling", "%s requests/s (net/http, %d connections, signed, nothing kept)", short(r.Raw.PerSecond), rawConnections)
	}
	row("relay", "%s deliveries/s (published over HTTP, durable, signed, delivered, logged)", short(r.Relay.PerSecond))
	if r.Ratio != nil {
		row("ratio", "%.2f of the ceiling", *r.Ratio)
	}
	row("accepted", "%s events/s", short(r.Relay.AcceptedPerSecond))
	if r.Relay.P50Ms != nil {
		row("publish to arrival", "p50 %s ms, p99 %s ms, p99.9 %s ms at %d events/s, open loop",
			short(*r.Relay.P50Ms), short(*r.Relay.P99Ms), short(*r.Relay.P999Ms), r.Relay.RatePerSecond)
	}
	figure("processor time", r.Relay.CPUMicrosPerDelivery, "µs per delivery, log included")
	if r.Relay.AllCPUMicrosPerDelivery != nil && r.Relay.RawCPUMicrosPerRequest != nil {
		row("with publisher and receiver", "%s µs per delivery; raw loop and receiver %s µs", short(*r.Relay.AllCPUMicrosPerDelivery), short(*r.Relay.RawCPUMicrosPerRequest))
	}
	figure("written", r.Relay.WrittenBytesPerDelivery, "bytes per delivery")
	figure("kept", r.Relay.KeptBytesPerDelivery, "bytes per delivery, event and log")
	if r.Relay.RSSMB != nil {
		row("memory", "%s MiB at most, %s MiB afterwards", short(*r.Relay.RSSMB), short(*r.Relay.RSSAfterMB))
	}
	row("delivered", "%d of %d, %d duplicates, over %d new connections", r.Relay.Delivered, r.Relay.Deliveries, r.Relay.Duplicates, r.Relay.Connections)
	if r.Relay.EmptyClaims != nil {
		row("claims", "%s for deliveries that had to wait, of which %s %% found none", short(float64(r.Relay.Claims)), short(100**r.Relay.EmptyClaims))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fan := "one each"
	if o.FanOut {
		fan = "all to each"
	}
	if _, err := fmt.Fprintf(out, "\n%d events of %d bytes (%s), endpoints: %d, %s. %s\n", r.Relay.Events, o.EventSize, o.Publish, o.Endpoints, fan, shared()); err != nil {
		return err
	}
	return nil
}

// short formats a number with at most four significant digits and thousands separators.
func short(v float64) string {
	text := strconv.FormatFloat(digits(v), 'f', -1, 64)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		return whole + "." + rest
	}
	return whole
}

// PrintRows prints rows as a table.
func PrintRows(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "case\twhat\tfigure\ttarget\tstretch\tholds\t")
	for _, r := range rows {
		holds := "yes"
		if !r.Holds {
			holds = "NO"
		}
		stretch := ""
		if r.Stretch != nil {
			stretch = r.bound(*r.Stretch)
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%s\t%s\t%s\n", r.Case, r.What, short(r.Figure), r.Unit, r.bound(r.Target), stretch, holds, r.Note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", shared())
	return err
}

func (r *Row) bound(v float64) string {
	if r.AtLeast {
		return "≥ " + short(v)
	}
	return "≤ " + short(v)
}
