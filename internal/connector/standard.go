package connector

import (
	"embed"
	"fmt"
	"sync"
)

//go:embed standard
var standardFiles embed.FS

// standard returns the definitions that ship with Relay, by name. They are compiled when they are first asked for, since most
// servers use few connectors or none. A definition with a mistake is a mistake of the program, as in template.Must.
var standard = sync.OnceValue(func() (list []*Definition) {
	files, err := standardFiles.ReadDir("standard")
	if err != nil {
		panic(fmt.Errorf("reading the standard connectors: %w", err))
	}
	for _, f := range files {
		raw, err := standardFiles.ReadFile("standard/" + f.Name())
		if err != nil {
			panic(fmt.Errorf("reading a standard connector: %w", err))
		}
		d, err := Parse(string(raw))
		if err != nil {
			panic(fmt.Errorf("the standard connector %s: %w", f.Name(), err))
		}
		list = append(list, d)
	}
	return list
})
