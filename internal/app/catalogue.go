package app

import (
	"context"
	"fmt"
	"os"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/ingest"
)

// SettingError means that a setting names an unusable resource.
type SettingError struct {
	Name string // of the setting
	Err  error
}

func (e *SettingError) Error() string { return "reading setting " + e.Name + ": " + e.Err.Error() }

func (e *SettingError) Unwrap() error { return e.Err }

// readPacks returns the program's packs followed by the operator's file, if there is one.
func readPacks(file string) ([]*catalogue.Pack, error) {
	packs := catalogue.Builtin()
	if file == "" {
		return packs, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, &SettingError{"catalogue", err}
	}
	p, err := catalogue.ReadFile(b)
	if err != nil {
		return nil, &SettingError{"catalogue", fmt.Errorf("file %q: %w", file, err)}
	}
	return append(packs, p), nil
}

// openCatalogue returns the catalogue of event types: the packs, and the additions of tenants.
func (a *App) openCatalogue(ctx context.Context, packs []*catalogue.Pack, store catalogue.Store, limits catalogue.Limits) (*catalogue.Registry, error) {
	types, err := catalogue.NewRegistry(ctx, store, catalogue.Options{Packs: packs, Limits: limits, Evaluator: ingest.Conditions{}})
	if err != nil {
		return nil, err
	}
	for _, text := range types.Broken() {
		a.log.Warn("skipping an unreadable entry of the catalogue", "what", text)
	}
	return types, nil
}
