package connector

import (
	"embed"
	"fmt"
	"strings"
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
		text := string(raw)
		if strings.HasPrefix(text, "# yaml-language-server:") { // where the schema is in this repository
			_, text, _ = strings.Cut(text, "\n")
		}
		d, err := Parse(text)
		if err != nil {
			panic(fmt.Errorf("the standard connector %s: %w", f.Name(), err))
		}
		list = append(list, d)
	}
	return list
})
