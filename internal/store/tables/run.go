package tables

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/column"
)

// tx is a Tx that knows the statements by their names, and takes and gives the types of the
// domains.
type tx struct {
	Tx
	t *Tables
}

// exec runs the named statement and returns how many rows it changed.
func (x tx) exec(name string, args ...any) (int64, error) {
	return x.Exec(x.t.sql.Get(name), plainArgs(args)...)
}

// changeOne runs a statement that must change a row; missing says that it did not.
func (x tx) changeOne(missing error, name string, args ...any) error {
	n, err := x.exec(name, args...)
	if err == nil && n == 0 {
		err = missing
	}
	return err
}

// query calls each for every row of the named statement's answer.
func (x tx) query(each func(scan scan) error, name string, args ...any) error {
	return x.Query(func(row Row) error { return each(scanOf(row)) }, x.t.sql.Get(name), plainArgs(args)...)
}

// integer returns the single number that the named statement gives, zero without a row.
func (x tx) integer(name string, args ...any) (n int64, err error) {
	err = x.query(func(scan scan) error { return scan(&n) }, name, args...)
	return n, err
}

func (t *Tables) read(ctx context.Context, db DB, f func(tx) error) error {
	return db.Read(ctx, func(x Tx) error { return f(tx{x, t}) })
}

func (t *Tables) write(ctx context.Context, db DB, f func(tx) error) error {
	return db.Write(ctx, func(x Tx) error { return f(tx{x, t}) })
}

func (t *Tables) configure(ctx context.Context, kind registry.Kind, f func(tx) error) error {
	return t.config.Configure(ctx, kind, func(x Tx) error { return f(tx{x, t}) })
}

func (t *Tables) changeWebhooks(ctx context.Context, f func(x tx, change int64) error) error {
	return t.config.ChangeWebhooks(ctx, func(x Tx, change int64) error { return f(tx{x, t}, change) })
}

// list returns the rows of the named statement's answer.
func list[T any](ctx context.Context, t *Tables, db DB, row func(scan scan) (T, error), name string, args ...any) ([]T, error) {
	var all []T
	err := t.read(ctx, db, func(x tx) error {
		all = nil
		return x.query(func(scan scan) error {
			v, err := row(scan)
			all = append(all, v)
			return err
		}, name, args...)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// first returns the first row of the named statement's answer; ok is false without one.
func first[T any](ctx context.Context, t *Tables, db DB, row func(scan scan) (T, error), name string, args ...any) (v T, ok bool, err error) {
	all, err := list(ctx, t, db, row, name, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// plainArgs turns arguments into those a Tx takes, in place: types made from integers, strings and
// booleans become these, a time its milliseconds.
func plainArgs(args []any) []any {
	for i, arg := range args {
		switch v := arg.(type) {
		case nil, int64, bool, string:
		case []byte:
			if v == nil {
				args[i] = nil
			}
		case time.Time:
			args[i] = column.Millis(v)
		case *bool:
			args[i] = nil
			if v != nil {
				args[i] = *v
			}
		default:
			switch r := reflect.ValueOf(arg); {
			case r.CanInt():
				args[i] = r.Int()
			case r.CanUint():
				args[i] = int64(r.Uint())
			case r.Kind() == reflect.String:
				args[i] = r.String()
			default:
				panic(fmt.Sprintf("internal error: no column holds a %T", arg))
			}
		}
	}
	return args
}

// scan fills its arguments with the columns of a row: pointers to what plainArgs takes, but *bool
// and nil.
type scan func(dest ...any) error

func scanOf(row Row) scan {
	return func(dest ...any) error {
		into := make([]any, len(dest))
		var after []func()
		for i, d := range dest {
			switch v := d.(type) {
			case *int64, *bool, *string, *[]byte:
				into[i] = d
			case *time.Time:
				ms := new(int64)
				into[i] = ms
				after = append(after, func() { *v = column.Time(*ms) })
			default:
				switch e := reflect.ValueOf(d).Elem(); {
				case e.CanInt():
					n := new(int64)
					into[i] = n
					after = append(after, func() { e.SetInt(*n) })
				case e.CanUint():
					n := new(int64)
					into[i] = n
					after = append(after, func() { e.SetUint(uint64(*n)) })
				case e.Kind() == reflect.String:
					into[i] = e.Addr().Convert(reflect.TypeFor[*string]()).Interface()
				default:
					panic(fmt.Sprintf("internal error: no column holds a %T", d))
				}
			}
		}
		if err := row.Scan(into...); err != nil {
			return err
		}
		for _, f := range after {
			f()
		}
		return nil
	}
}
