package cli

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

type importOptions struct {
	mode                string
	csv, force, preview bool
	maps                []string
	resume              string
}

func newAudienceImport(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "import NUMBER [FILE]", Short: "Bring a file of profiles into an audience", Args: cobra.RangeArgs(1, 2),
		Long: "Bring the profiles of a file into an audience: one JSON object a line (NDJSON), or rows of a table (CSV, by the file's\n" +
			"name or --csv); - or no file is standard input. The command shows what changes, and waits until all is applied.\n\n" +
			"With --mode replace those in the file are all there is: the others leave. If that would remove more than 20 % of the\n" +
			"members, it is refused without --force. --preview only shows what would change.\n\n" +
			"A row that is wrong is reported on standard error and does not stop the others; the exit code is 1 then.",
		Example: "  relay audiences import 101 members.csv --map profileId=customer --map partnerIds.2001=crm\n" +
			"  relay audiences import 101 members.ndjson --mode replace --preview",
	}
	f := cmd.Flags()
	var o importOptions
	f.StringVar(&o.mode, "mode", "add", "`mode`: add, remove or replace")
	f.BoolVar(&o.csv, "csv", false, "the file is a table (CSV) with a line of column names")
	f.StringArrayVar(&o.maps, "map", nil, "fill a member from a column: `member=column[:kind]`; the kind of a variable is text (the default), number, bool or json. Without --map columns are taken by their names, unknown ones as variables")
	f.BoolVar(&o.force, "force", false, "also if many members are removed")
	f.BoolVar(&o.preview, "preview", false, "only show what would change; the import stays open")
	f.StringVar(&o.resume, "resume", "", "`id` of an open import, to go on with the same file")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		file := "-"
		if len(args) == 2 {
			file = args[1]
		}
		o.csv = o.csv || strings.HasSuffix(strings.ToLower(file), ".csv")
		if len(o.maps) > 0 && !o.csv {
			return usageError{errors.New("--map is for tables (--csv)")}
		}
		mapping, err := importMapping(o.maps)
		if err != nil {
			return usageError{err}
		}
		c, err := conn.client()
		if err != nil {
			return err
		}
		in := env.Stdin
		if file != "-" {
			f, err := os.Open(file)
			if err != nil {
				return fmt.Errorf("opening the file of profiles: %w", err)
			}
			defer f.Close()
			in = f
		} else if in == nil {
			return usageError{errNoInput}
		}
		return env.importMembers(cmd.Context(), c, "/v1/audiences/"+args[0]+"/imports", in, mapping, o)
	}
	return cmd
}

// importMapping turns member=column[:kind] into column → member[:kind].
func importMapping(maps []string) (map[string]string, error) {
	mapping := make(map[string]string)
	for _, m := range maps {
		member, name, ok := strings.Cut(m, "=")
		if !ok || member == "" || name == "" {
			return nil, fmt.Errorf("--map must be member=column, such as partnerIds.2001=crm, got %q", m)
		}
		if i := strings.LastIndexByte(name, ':'); i >= 0 && slices.Contains(columnKinds, name[i+1:]) {
			name, member = name[:i], member+name[i:]
		}
		mapping[name] = member
	}
	return mapping, nil
}

// importView is an import as the server shows it.
type importView struct {
	ID                        string
	State                     string
	Rows, Rejected            int64
	Added, Removed, Unchanged int64
	Done, Total               int64
	Error                     string
}

// importPoll is how often the state of an import is asked for.
const importPoll = 300 * time.Millisecond

func (e *Env) importMembers(ctx context.Context, c *client.Client, path string, in io.Reader, mapping map[string]string, o importOptions) error {
	var v importView
	if o.resume != "" {
		v.ID = o.resume
	} else if err := c.Do(ctx, "POST", path, nil, map[string]string{"mode": o.mode}, &v); err != nil {
		return err
	}
	path += "/" + v.ID
	show := e.progress()
	defer show.Clear()
	send := func(line int, text string) error {
		body := map[string]any{"line": line, "text": text}
		if o.csv {
			body["format"], body["mapping"] = "csv", mapping
		}
		show.Show("sending line %d", line)
		return c.Do(ctx, "POST", path+"/rows", nil, body, nil)
	}
	var err error
	if o.csv {
		err = csvParts(in, send)
	} else {
		err = lineParts(in, send)
	}
	if err != nil {
		return fmt.Errorf("%w\nThe import is open: go on with --resume %s", err, v.ID)
	}
	if err := c.Do(ctx, "GET", path, nil, nil, &v); err != nil {
		return err
	}
	if !o.preview {
		if err := c.Do(ctx, "POST", path+"/start", nil, map[string]bool{"force": o.force}, &v); err != nil {
			return err
		}
	}
	for v.State == "running" {
		show.Show("%d of %d applied", v.Done, v.Total)
		select {
		case <-ctx.Done():
			return fmt.Errorf("the import %s goes on at the server: %w", v.ID, ctx.Err())
		case <-time.After(importPoll):
		}
		if err := c.Do(ctx, "GET", path, nil, nil, &v); err != nil {
			return err
		}
	}
	show.Clear()
	if v.Rejected > 0 {
		if err := e.printRejected(ctx, c, path, v.Rejected); err != nil {
			return err
		}
	}
	if v.State == "failed" || v.State == "canceled" {
		return fmt.Errorf("the import %s is %s: %s", v.ID, v.State, v.Error)
	}
	err = e.result(v, func() {
		what := "Done"
		if o.preview {
			what = "This would change (import " + v.ID + ")"
		}
		fmt.Fprintf(e.Stdout, "%s: %d rows; %d enter, %d leave, %d stay.\n", what, v.Rows, v.Added, v.Removed, v.Unchanged)
	})
	if err == nil && v.Rejected > 0 {
		err = fmt.Errorf("%d of %d rows were left out", v.Rejected, v.Rows)
	}
	return err
}

func (e *Env) printRejected(ctx context.Context, c *client.Client, path string, all int64) error {
	var page struct {
		Data []struct {
			Line   int64
			Reason string
		}
	}
	if err := c.Do(ctx, "GET", path+"/rejected", nil, nil, &page); err != nil {
		return err
	}
	for _, r := range page.Data {
		fmt.Fprintf(e.Stderr, "line %d: %s\n", r.Line, printable(r.Reason))
	}
	if n := all - int64(len(page.Data)); n > 0 {
		fmt.Fprintf(e.Stderr, "and %d more\n", n)
	}
	return nil
}

// lineParts sends a stream of lines in parts.
func lineParts(in io.Reader, send func(line int, text string) error) error {
	r := bufio.NewReaderSize(in, 64<<10)
	var part strings.Builder
	for first, number := 1, 1; ; number++ {
		b, err := readLine(r)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading line %d: %w", number, err)
		}
		part.WriteString(strings.TrimRight(string(b), "\n"))
		part.WriteByte('\n')
		end := errors.Is(err, io.EOF)
		if end || number-first+1 >= batchLines || part.Len() >= batchBytes {
			if err := send(first, part.String()); err != nil {
				return err
			}
			part.Reset()
			first = number + 1
		}
		if end {
			return nil
		}
	}
}

// csvParts sends a table in parts that each begin with the names of the columns.
func csvParts(in io.Reader, send func(line int, text string) error) error {
	r := csv.NewReader(in)
	r.ReuseRecord, r.FieldsPerRecord = true, -1
	head, err := r.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the table is empty: its first line must name the columns")
	}
	if err != nil {
		return fmt.Errorf("reading the names of the columns: %w", err)
	}
	head = slices.Clone(head)
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets begin files with a byte order mark
	var part strings.Builder
	w := csv.NewWriter(&part)
	begin := func() error { return w.Write(head) }
	if err := begin(); err != nil {
		return err
	}
	for first, number := 2, 2; ; number++ {
		row, err := r.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the table: %w", err)
		}
		end := errors.Is(err, io.EOF)
		if !end {
			err = w.Write(row)
		} else {
			err = nil
		}
		w.Flush()
		if err = errors.Join(err, w.Error()); err != nil {
			return err
		}
		if end && number == first && number > 2 {
			return nil
		}
		if end || number-first+1 >= batchLines || part.Len() >= batchBytes {
			if err := send(first, part.String()); err != nil {
				return err
			}
			part.Reset()
			first = number + 1
			if err := begin(); err != nil {
				return err
			}
		}
		if end {
			return nil
		}
	}
}
