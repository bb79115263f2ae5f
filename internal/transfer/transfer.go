// Package transfer copies an installation with its history from a data folder to PostgreSQL.
//
// Events and the log only grow. They are copied in the order of their ids, and each transaction
// also stores how far the copy has come, so that an interrupted transfer resumes there. Data that
// changes (configuration, owed deliveries, completed events) is copied last, in one transaction,
// after comparing the copy with the source.
//
// Idempotency keys are derived from the events again, and counters from the log.
package transfer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/tables"
	"github.com/relay-events/relay/internal/store/utcday"
	"github.com/relay-events/relay/internal/webhook"
)

const (
	// eventsStep and eventsBytes bound a transaction of events.
	eventsStep  = 5000
	eventsBytes = 8 << 20
	// attemptsStep bounds a transaction of log entries.
	attemptsStep = 5000
	// samples is how many events, and how many log entries, are compared in full.
	samples = 1000
	// replacedNames bounds the row names in a result.
	replacedNames = 100
)

// Result summarizes a copy.
type Result struct {
	Events   int64 `json:"events"`
	Attempts int64 `json:"attempts"`
	Owed     int64 `json:"owed"`
	Open     int   `json:"open"` // intakes that are not completed
	Webhooks int   `json:"webhooks"`
	Resumed  bool  `json:"resumed"`
	Compared int   `json:"compared"` // events and log entries that were compared in full
	Damaged  int   `json:"damaged"`  // blocks of the folder that could not be read and were omitted
	// Replaced counts the rows in which NUL or invalid UTF-8, which PostgreSQL cannot store as
	// text, became U+FFFD. ReplacedIn names the first of them.
	Replaced   int64    `json:"replaced"`
	ReplacedIn []string `json:"replacedIn,omitempty"`
}

// Options selects the source and the target of the copy.
type Options struct {
	// From is the store of the folder, which must have no other user.
	From *sqlite.Store
	// FromSealer opens the secrets in the folder.
	FromSealer webhook.Sealer
	// To is the database; Sealer or Keys seal the secrets there.
	To postgres.Options
	// Progress, unless nil, receives the kind of data being copied, and the amount so far.
	Progress func(what string, n int64)
	// Damaged, unless nil, receives errors about data damaged by the disk.
	Damaged func(error)
}

type transfer struct {
	Options
	to      *postgres.Import
	result  Result
	damaged map[string]bool
}

// Copy copies the installation. After an error, calling it again resumes the copy.
func Copy(ctx context.Context, o Options) (Result, error) {
	t := &transfer{Options: o, damaged: make(map[string]bool)}
	if t.Progress == nil {
		t.Progress = func(string, int64) {}
	}
	if err := t.copy(ctx); err != nil {
		return t.result, fmt.Errorf("copying the installation: %w", err)
	}
	return t.result, nil
}

func (t *transfer) copy(ctx context.Context) error {
	tables, err := t.From.ExportTables(ctx)
	if err != nil {
		return err
	}
	if t.to, err = postgres.OpenImport(ctx, t.To, identity(tables)); err != nil {
		return err
	}
	defer t.to.Close()
	state := t.to.State()
	t.result.Resumed = state.Events != 0 || state.Attempts != 0
	if err := t.events(ctx, state.Events); err != nil {
		return err
	}
	if err := t.attempts(ctx, state.Attempts); err != nil {
		return err
	}
	imported, err := t.tables(tables)
	if err != nil {
		return err
	}
	open, err := t.From.ExportOpen(ctx)
	if err != nil {
		return err
	}
	t.result.Open = len(open)
	t.to.Replaced = t.replaced
	t.Progress("configuration", 0)
	return t.to.Finish(ctx, imported, open, func(store func([]delivery.Owed) error) error {
		return t.From.ExportOwed(ctx, func(list []delivery.Owed) error {
			t.result.Owed += int64(len(list))
			t.Progress("owed", t.result.Owed)
			return store(list)
		})
	}, t.compare)
}

// identity returns an unchanging name of the installation.
func identity(tables []sqlite.ExportedTable) string {
	sum := sha256.New()
	for _, t := range tables {
		if t.Name == "tenant" && len(t.Rows) > 0 {
			fmt.Fprint(sum, t.Rows[0]...)
		}
		if t.Name == "api_key" {
			for _, row := range t.Rows[:min(1, len(t.Rows))] {
				fmt.Fprint(sum, row[0])
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

func (t *transfer) damage(err error) {
	if t.damaged[err.Error()] {
		return
	}
	t.damaged[err.Error()] = true
	t.result.Damaged++
	if t.Damaged != nil {
		t.Damaged(err)
	}
}

// replaced records that characters were replaced in fields of a row. It is called while comparing,
// which reads every row, and not while copying, which skips rows that an interrupted copy has
// finished.
func (t *transfer) replaced(row string, fields []string) {
	t.result.Replaced++
	if len(t.result.ReplacedIn) < replacedNames {
		t.result.ReplacedIn = append(t.result.ReplacedIn, row+": "+strings.Join(fields, ", "))
	}
}

func (t *transfer) events(ctx context.Context, after event.ID) error {
	var list []postgres.ImportedEvent
	size, n := 0, int64(0)
	flush := func() error {
		n += int64(len(list))
		err := t.to.Events(ctx, list)
		list, size = list[:0], 0
		t.Progress("events", n)
		return err
	}
	err := t.From.ExportEvents(ctx, after, func(block []sqlite.ExportedEvent) error {
		for _, e := range block {
			list = append(list, postgres.ImportedEvent(e))
			size += e.Event.Size()
		}
		if len(list) >= eventsStep || size >= eventsBytes {
			return flush()
		}
		return nil
	}, t.damage)
	if err != nil {
		return err
	}
	return flush()
}

func (t *transfer) attempts(ctx context.Context, after event.ID) error {
	var list []*delivery.Attempt
	n := int64(0)
	flush := func() error {
		n += int64(len(list))
		err := t.to.Attempts(ctx, list)
		list = list[:0]
		t.Progress("attempts", n)
		return err
	}
	err := t.From.ExportAttempts(ctx, after, func(part []*delivery.Attempt) error {
		if list = append(list, part...); len(list) >= attemptsStep {
			return flush()
		}
		return nil
	}, t.damage)
	if err != nil {
		return err
	}
	return flush()
}

// tables returns the tables as they are stored in the database: the secrets of
// webhooks, records and second factors sealed with its keys.
func (t *transfer) tables(tables []sqlite.ExportedTable) ([]postgres.ImportedTable, error) {
	var all []postgres.ImportedTable
	for _, table := range tables {
		var err error
		switch table.Name {
		case "webhook":
			t.result.Webhooks = len(table.Rows)
			err = t.reseal(&table)
		case "record":
			err = t.resealRecords(&table)
		case "second_factor":
			err = t.resealFactors(&table)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, postgres.ImportedTable(table))
	}
	return all, nil
}

// columns returns the places of a table's columns in its rows.
func columns(table *sqlite.ExportedTable) map[string]int {
	at := make(map[string]int)
	for i, c := range table.Columns {
		at[c] = i
	}
	return at
}

func (t *transfer) resealRecords(table *sqlite.ExportedTable) error {
	at := columns(table)
	for _, row := range table.Rows {
		sealed := row[at["sealed"]].([]byte)
		if len(sealed) == 0 {
			continue
		}
		tenant, kind, name := row[at["tenant"]].(int64), row[at["kind"]].(string), row[at["name"]].(string)
		context := tables.RecordContext(event.TenantID(tenant), registry.Kind(kind), name)
		plain, err := t.FromSealer.Open(sealed, context)
		if err == nil {
			sealed, err = t.to.Sealer().Seal(plain, context)
		}
		if err != nil {
			return fmt.Errorf("the secrets of record %q of kind %q: %w", name, kind, err)
		}
		row[at["sealed"]] = sealed
	}
	return nil
}

func (t *transfer) resealFactors(table *sqlite.ExportedTable) error {
	at := columns(table)
	for _, row := range table.Rows {
		person := row[at["person"]].(string)
		plain, err := t.FromSealer.Open(row[at["sealed"]].([]byte), tables.FactorContext(person))
		if err == nil {
			row[at["sealed"]], err = t.to.Sealer().Seal(plain, tables.FactorContext(person))
		}
		if err != nil {
			return fmt.Errorf("the second factor of %q: %w", person, err)
		}
	}
	return nil
}

func (t *transfer) reseal(table *sqlite.ExportedTable) error {
	at := columns(table)
	for _, row := range table.Rows {
		w := webhook.Webhook{ID: row[at["id"]].(string), Tenant: event.TenantID(row[at["tenant"]].(int64))}
		if err := w.OpenSecrets(t.FromSealer, row[at["secrets"]].([]byte)); err != nil {
			return err
		}
		sealed, err := w.SealSecrets(t.to.Sealer())
		if err != nil {
			return err
		}
		row[at["secrets"]] = sealed
	}
	return nil
}

// sample keeps a uniform random sample.
type sample[T any] struct {
	list []T
	seen int
}

func (s *sample[T]) add(v T) {
	s.seen++
	if len(s.list) < samples {
		s.list = append(s.list, v)
	} else if i := rand.IntN(s.seen); i < samples {
		s.list[i] = v
	}
}

// compare reads the folder again. It checks that each day has the same number of events and log
// entries in the database, and that random samples of them are equal in all fields.
func (t *transfer) compare(ctx context.Context) error {
	type counts struct{ events, attempts int64 }
	days := make(map[utcday.Day]*counts)
	of := func(id event.ID) *counts {
		d := utcday.Of(id)
		if days[d] == nil {
			days[d] = new(counts)
		}
		return days[d]
	}
	var events sample[event.Event]
	var attempts sample[*delivery.Attempt]
	err := t.From.ExportEvents(ctx, 0, func(block []sqlite.ExportedEvent) error {
		for _, e := range block {
			of(e.Event.ID).events++
			if fields := postgres.PlainEvent(&e.Event); fields != nil {
				t.replaced("event "+e.Event.ID.Public(event.EventPrefix), fields)
			}
			events.add(e.Event)
		}
		t.Progress("compared events", int64(events.seen))
		return nil
	}, t.damage)
	if err != nil {
		return err
	}
	err = t.From.ExportAttempts(ctx, 0, func(part []*delivery.Attempt) error {
		for _, a := range part {
			of(a.ID).attempts++
			if fields := postgres.PlainAttempt(a); fields != nil {
				t.replaced("attempt "+a.ID.Public(event.AttemptPrefix), fields)
			}
			attempts.add(a)
		}
		t.Progress("compared attempts", int64(attempts.seen))
		return nil
	}, t.damage)
	if err != nil {
		return err
	}
	for d, want := range days {
		gotEvents, gotAttempts, err := t.to.Counts(ctx, d)
		if err != nil {
			return err
		}
		if gotEvents != want.events || gotAttempts != want.attempts {
			return fmt.Errorf("the copy of %v is incomplete: %d events and %d attempts, want %d and %d", d, gotEvents, gotAttempts, want.events, want.attempts)
		}
		t.result.Events += want.events
		t.result.Attempts += want.attempts
	}
	store := t.to.Store()
	for i := range events.list {
		want := &events.list[i]
		got, err := store.EventGetMany(ctx, []event.ID{want.ID})
		if err != nil {
			return err
		}
		if len(got) != 1 || !reflect.DeepEqual(got[0], *want) {
			return fmt.Errorf("the copy of event %s is not equal", strconv.FormatInt(int64(want.ID), 10))
		}
	}
	for _, want := range attempts.list {
		got, ok, err := store.AttemptGet(ctx, want.Tenant, want.ID)
		if err != nil {
			return err
		}
		if !ok || !reflect.DeepEqual(got, want) {
			return fmt.Errorf("the copy of attempt %s is not equal", want.ID.Public(event.AttemptPrefix))
		}
	}
	t.result.Compared = len(events.list) + len(attempts.list)
	return nil
}
