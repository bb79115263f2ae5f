// Distorted lists the tests that ask testenv.Race, because they measure time or memory, which the race detector distorts,
// or do less under it. They also run without the detector. It prints a line for each package below a folder: its folder,
// and a regular expression for the tests.
//
// A test asks if its function does, or a function of its package's tests that it calls. A variable of the package asks for
// no test: what all tests share, such as a longer timeout, makes none of them do less.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: distorted FOLDER")
	}
	dirs := make(map[string][]string) // test files by folder
	err := filepath.WalkDir(os.Args[1], func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			dirs[filepath.Dir(path)] = append(dirs[filepath.Dir(path)], path)
		}
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		tests, err := asking(dirs[dir])
		if err != nil {
			log.Fatal(err)
		}
		if len(tests) == 0 {
			continue
		}
		rel, err := filepath.Rel(os.Args[1], dir)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("./%s ^(%s)$\n", rel, strings.Join(tests, "|"))
	}
}

// asking returns the names of the tests in the files that ask.
func asking(files []string) ([]string, error) {
	mentions := make(map[string]map[string]bool) // by function or method name
	asks := make(map[string]bool)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			name := fn.Name.Name
			if mentions[name] == nil {
				mentions[name] = make(map[string]bool)
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "testenv" && n.Sel.Name == "Race" {
						asks[name] = true
					}
				case *ast.Ident:
					mentions[name][n.Name] = true
				}
				return true
			})
		}
	}
	for more := true; more; {
		more = false
		for name, others := range mentions {
			if asks[name] {
				continue
			}
			for other := range others {
				if asks[other] && mentions[other] != nil {
					asks[name], more = true, true
					break
				}
			}
		}
	}
	var tests []string
	for name := range asks {
		if strings.HasPrefix(name, "Test") {
			tests = append(tests, name)
		}
	}
	slices.Sort(tests)
	return tests, nil
}
