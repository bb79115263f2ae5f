package app

import (
	"context"
	"fmt"
	"os"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/ingest"
)

// openCatalogue returns the catalogue of event types: the packs of the program, the operator's file, if there is one, and
// what tenants have added.
func (a *App) openCatalogue(ctx context.Context, file string, store catalogue.Store) (*catalogue.Registry, error) {
	packs := catalogue.Builtin()
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading setting catalogue: %w", err)
		}
		p, err := catalogue.ReadFile(b)
		if err != nil {
			return nil, fmt.Errorf("reading setting catalogue: file %q: %w", file, err)
		}
		packs = append(packs, p)
	}
	types, err := catalogue.NewRegistry(ctx, store, catalogue.Options{Packs: packs, Evaluator: ingest.Conditions{}})
	if err != nil {
		return nil, err
	}
	for _, text := range types.Broken() {
		a.log.Warn("something in the catalogue cannot be read and is passed over", "what", text)
	}
	return types, nil
}
