package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/relay-events/relay/client"
)

func newPublish(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "publish [TYPE DATA | FILE]", Short: "Publish one event, or a file of events", Args: atMost(2),
		Long: "Publish one event: its type and its data as JSON. Or publish a file of events, one JSON object a line (NDJSON), or\n" +
			"with --csv one row of a table each; - or no argument is standard input.\n\n" +
			"Of a file each line is stored exactly once, however often the command is repeated: lines without an id get one made\n" +
			"of the file's name, the line's number and its content. While the server cannot be reached the command waits and\n" +
			"tries again. An interrupted command says so in FILE.relay-progress and continues there when it is repeated.\n\n" +
			"A line that Relay rejects is reported on standard error and does not stop the others; the exit code is 1 then.",
		Example: "  relay publish order.paid '{\"total\":1.10}'\n" +
			"  relay publish order.paid '{\"total\":1.10}' --id order-1\n" +
			"  relay publish events.ndjson\n" +
			"  relay publish orders.csv --csv --type order.paid --map id=order_id --map data.total=amount:number",
	}
	f := cmd.Flags()
	var o publishOptions
	f.StringVar(&o.id, "id", "", "`id` of the event: publishing it again stores nothing twice")
	f.StringVar(&o.key, "key", "", "ordering `key` of the event")
	f.BoolVar(&o.csv, "csv", false, "the file is a table (CSV) with a line of column names")
	f.StringVar(&o.eventType, "type", "", "event `type` of rows and lines that name none")
	f.StringArrayVar(&o.maps, "map", nil, "fill a member from a column: `member=column[:kind]`; kind is text (the default), number, bool or json. Without --map each column becomes a text in data")
	f.StringVar(&o.run, "run", "", "`name` of this publication; the same file under another name is published again")
	conn := env.connect(cmd).output(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := conn.client()
		if err != nil {
			return err
		}
		if len(args) == 2 {
			return env.publishOne(cmd.Context(), c, conn, args[0], args[1], o)
		}
		file := "-"
		if len(args) == 1 {
			file = args[0]
		}
		if o.id != "" || o.key != "" {
			return usageError{errors.New("--id and --key are for one event; a file gives each line its own")}
		}
		if len(o.maps) > 0 && !o.csv {
			return usageError{errors.New("--map is for --csv")}
		}
		return env.publishFile(cmd.Context(), c, file, o)
	}
	return cmd
}

type publishOptions struct {
	id, key, eventType, run string
	csv                     bool
	maps                    []string
}

func (e *Env) publishOne(ctx context.Context, c *client.Client, conn *connection, eventType, data string, o publishOptions) error {
	if !json.Valid([]byte(data)) {
		return usageError{fmt.Errorf("the data of the event must be JSON, got %q", clip(data, 60))}
	}
	event := map[string]any{"type": eventType, "data": json.RawMessage(data)}
	if o.id != "" {
		event["id"] = o.id
	}
	if o.key != "" {
		event["key"] = o.key
	}
	var answer json.RawMessage
	if err := c.Do(ctx, "POST", "/v1/events", nil, event, &answer); err != nil {
		return err
	}
	if conn.people() {
		return e.printObject(answer)
	}
	return e.printJSON(answer)
}

// A request holds at most so many lines and bytes, so that memory stays bounded and a failed request
// costs little.
const (
	batchLines = 1000
	batchBytes = 2 << 20
	maxLine    = 16 << 20 // bytes; a server takes no larger event
)

// line is an event of a file, as it is sent.
type line struct {
	number int // from 1
	event  json.RawMessage
	err    error // why it is not an event; event is nil then
}

// published is the result of publishing a file: the output for programs, and what the progress file
// holds.
type published struct {
	Lines      int `json:"lines"`
	Accepted   int `json:"accepted"`
	Duplicates int `json:"duplicates"`
	Failed     int `json:"failed"`
}

// progressFile is the content of FILE.relay-progress.
type progressFile struct {
	Size int64  `json:"size"` // of the file
	Run  string `json:"run,omitempty"`
	published
}

// publication publishes a file.
type publication struct {
	env     *Env
	client  *client.Client
	next    func() (line, error) // io.EOF at the end
	save    func(published) error
	skip    int // lines that an earlier run finished
	result  published
	pending []line
	size    int // bytes of pending
}

func (e *Env) publishFile(ctx context.Context, c *client.Client, file string, o publishOptions) error {
	p := &publication{env: e, client: c, save: func(published) error { return nil }}
	in, name, finish, err := e.openPublication(p, file, o)
	if err != nil {
		return err
	}
	if o.csv {
		p.next, err = csvLines(in, o)
	} else {
		p.next = ndjsonLines(in, o)
	}
	if err == nil {
		p.next = identified(p.next, name, o.run)
		err = p.run(ctx)
	}
	err = errors.Join(err, finish(err == nil))
	if err != nil {
		return err
	}
	if err := e.result(p.result, func() {
		fmt.Fprintf(e.Stdout, "%d lines: %d events stored, %d stored before, %d rejected.\n", p.result.Lines, p.result.Accepted, p.result.Duplicates, p.result.Failed)
	}); err != nil {
		return err
	}
	if p.result.Failed > 0 {
		return fmt.Errorf("%d of %d lines were rejected", p.result.Failed, p.result.Lines)
	}
	return nil
}

// openPublication opens the file and its progress file. finish closes them; if all is done, it
// removes the progress file.
func (e *Env) openPublication(p *publication, file string, o publishOptions) (in io.Reader, name string, finish func(done bool) error, err error) {
	if file == "-" {
		if e.Stdin == nil {
			return nil, "", nil, usageError{errNoInput}
		}
		return e.Stdin, "-", func(bool) error { return nil }, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, "", nil, fmt.Errorf("opening the file of events: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, "", nil, errors.Join(fmt.Errorf("opening the file of events: %w", err), f.Close())
	}
	at := file + ".relay-progress"
	if b, err := os.ReadFile(at); err == nil {
		var was progressFile
		if json.Unmarshal(b, &was) == nil && was.Size == st.Size() && was.Run == o.run {
			p.result, p.skip = was.published, was.Lines
			fmt.Fprintf(e.Stderr, "continuing after line %d\n", was.Lines)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil, errors.Join(fmt.Errorf("reading the progress: %w", err), f.Close())
	}
	p.save = func(r published) error {
		b, err := json.Marshal(progressFile{st.Size(), o.run, r})
		if err != nil {
			return err
		}
		return replaceFile(at, append(b, '\n'))
	}
	finish = func(done bool) error {
		err := f.Close()
		if done {
			if gone := os.Remove(at); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
				err = errors.Join(err, fmt.Errorf("removing the progress: %w", gone))
			}
		} else if p.result.Lines > 0 {
			err = errors.Join(err, p.save(p.result))
		}
		return err
	}
	return f, filepath.Base(file), finish, nil
}

// identified gives each event without an id one that is the same whenever the file is published.
func identified(next func() (line, error), file, run string) func() (line, error) {
	return func() (line, error) {
		l, err := next()
		if err != nil || l.err != nil {
			return l, err
		}
		var head struct {
			ID *json.RawMessage `json:"id"`
		}
		if err := json.Unmarshal(l.event, &head); err != nil || head.ID != nil {
			return l, nil // Relay says what is wrong with it
		}
		sum := sha256.New()
		fmt.Fprintf(sum, "%q %q %d\n", file, run, l.number)
		sum.Write(l.event)
		id := "line_" + strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum.Sum(nil)[:16]))
		rest := bytes.TrimLeft(l.event[1:], " \t\r\n") // it is an object
		comma := ","
		if rest[0] == '}' {
			comma = ""
		}
		l.event = append([]byte(`{"id":"`+id+`"`+comma), rest...)
		return l, nil
	}
}

// ndjsonLines returns the lines of a stream of JSON objects. Blank lines are left out but counted.
func ndjsonLines(in io.Reader, o publishOptions) func() (line, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	number := 0
	return func() (line, error) {
		for {
			b, err := readLine(r)
			if errors.Is(err, io.EOF) && len(b) == 0 {
				return line{}, io.EOF
			}
			number++
			if errors.Is(err, bufio.ErrTooLong) {
				return line{number: number, err: errors.New("is longer than 16 MiB")}, nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return line{}, fmt.Errorf("reading line %d: %w", number, err)
			}
			b = bytes.TrimSpace(b)
			if len(b) == 0 {
				continue
			}
			if b[0] != '{' || !json.Valid(b) {
				return line{number: number, err: errors.New("is not a JSON object")}, nil
			}
			if o.eventType != "" {
				var head struct {
					Type *json.RawMessage `json:"type"`
				}
				if json.Unmarshal(b, &head) == nil && head.Type == nil {
					comma := ","
					if rest := bytes.TrimSpace(b[1:]); rest[0] == '}' {
						comma = ""
					}
					b = append([]byte(`{"type":`+strconv.Quote(o.eventType)+comma), b[1:]...)
				}
			}
			return line{number: number, event: b}, nil
		}
	}
}

// readLine reads a line without its end. Of one that is too long it reads past the end and returns
// bufio.ErrTooLong.
func readLine(r *bufio.Reader) ([]byte, error) {
	var b []byte
	for {
		part, err := r.ReadSlice('\n')
		long := len(b)+len(part) > maxLine
		if !long {
			b = append(b, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			if long {
				for errors.Is(err, bufio.ErrBufferFull) {
					_, err = r.ReadSlice('\n')
				}
				if err == nil || errors.Is(err, io.EOF) {
					err = bufio.ErrTooLong
				}
				return nil, err
			}
			continue
		}
		if long && (err == nil || errors.Is(err, io.EOF)) {
			err = bufio.ErrTooLong
		}
		return b, err
	}
}

// saveEvery is how often the progress is written while lines are published.
const saveEvery = time.Second

func (p *publication) run(ctx context.Context) error {
	show := p.env.progress()
	defer show.Clear()
	saved := time.Now()
	last := p.result.Lines
	for {
		l, err := p.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if last = l.number; l.number <= p.skip {
			continue
		}
		if l.err != nil {
			if err := p.flush(ctx); err != nil { // in order, so that the progress is a number of lines
				return err
			}
			p.reject(l.number, l.err)
			p.result.Lines = l.number
			continue
		}
		p.pending = append(p.pending, l)
		if p.size += len(l.event); len(p.pending) < batchLines && p.size < batchBytes {
			continue
		}
		if err := p.flush(ctx); err != nil {
			return err
		}
		show.Show("%d lines: %d stored, %d stored before, %d rejected", p.result.Lines, p.result.Accepted, p.result.Duplicates, p.result.Failed)
		if time.Since(saved) >= saveEvery {
			if err := p.save(p.result); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	if err := p.flush(ctx); err != nil {
		return err
	}
	p.result.Lines = max(p.result.Lines, last)
	return nil
}

func (p *publication) reject(number int, err error) {
	p.result.Failed++
	fmt.Fprintf(p.env.Stderr, "line %d %s\n", number, strings.ReplaceAll(printableLines(errorText(err)), "\n", "\n  "))
}

// flush publishes the pending lines. Relay takes an array whole or not at all: if it rejects one,
// each line is sent by itself, to find the bad ones.
func (p *publication) flush(ctx context.Context) error {
	if len(p.pending) == 0 {
		return nil
	}
	events := make([]json.RawMessage, len(p.pending))
	for i, l := range p.pending {
		events[i] = l.event
	}
	var answer client.PublishedEvents
	err := p.send(ctx, events, &answer)
	switch {
	case err == nil:
		p.result.Accepted += answer.Accepted
		p.result.Duplicates += answer.Duplicates
		p.result.Lines = p.pending[len(p.pending)-1].number
	case !rejected(err):
		return err
	default:
		for _, l := range p.pending {
			var one client.PublishedEvent
			switch err := p.send(ctx, l.event, &one); {
			case err == nil && one.Duplicate:
				p.result.Duplicates++
			case err == nil:
				p.result.Accepted++
			case rejected(err):
				p.reject(l.number, fmt.Errorf("was rejected: %w", err))
			default:
				return err
			}
			p.result.Lines = l.number
		}
	}
	p.pending, p.size = p.pending[:0], 0
	return nil
}

// rejected reports whether Relay has rejected events for what they are: they would be rejected
// again.
func rejected(err error) bool {
	e := new(client.Error)
	return errors.As(err, &e) && (e.Status == 400 || e.Status == 409 || e.Status == 413 || e.Status == 422)
}

// send makes a request until Relay has answered it: while the server cannot be reached or asks to
// wait, it tries again. Sending events again is safe, since each has an id.
func (p *publication) send(ctx context.Context, body, answer any) error {
	wait, told := 100*time.Millisecond, false
	for {
		err := p.client.Do(ctx, "POST", "/v1/events", nil, body, answer)
		if err == nil || ctx.Err() != nil || !temporary(err) {
			if ctx.Err() != nil {
				return errors.New("interrupted: repeat the command to continue")
			}
			if told && err == nil {
				fmt.Fprintln(p.env.Stderr, "connected again")
			}
			return err
		}
		if !told {
			told = true
			fmt.Fprintf(p.env.Stderr, "waiting: %s\n", printable(err.Error()))
		}
		pause := wait/2 + rand.N(wait)
		if e := new(client.Error); errors.As(err, &e) {
			pause = max(pause, min(e.RetryAfter, 30*time.Second))
		}
		wait = min(2*wait, 5*time.Second)
		select {
		case <-ctx.Done():
			return errors.New("interrupted: repeat the command to continue")
		case <-time.After(pause):
		}
	}
}
