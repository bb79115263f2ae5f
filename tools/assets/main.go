// Command assets builds the files that the dashboard's pages load, from internal/dashboard/assets and from the npm
// packages that package-lock.json pins, into internal/dashboard/assets/dist. The output is committed, so that building
// Relay needs neither Node nor network, and a test rebuilds it and compares the bytes.
//
//	npm ci --ignore-scripts --prefix tools/assets   # or any other folder, named by -modules
//	go run -C tools ./assets
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	b := build{}
	flag.StringVar(&b.src, "src", "../internal/dashboard/assets", "folder of the sources")
	flag.StringVar(&b.modules, "modules", "assets/node_modules", "folder of the npm packages")
	flag.StringVar(&b.out, "out", "../internal/dashboard/assets/dist", "folder to write to")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		os.Exit(1)
	}
}

// build is one run: sources and packages in, files out.
type build struct{ src, modules, out string }

// fonts maps the names that app.css uses to the packages' files: Latin only, a variable weight.
var fonts = map[string]string{
	"inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
	"mono.woff2":  "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
}

// licensed lists the packages whose files are shipped, and must come with their licences.
var licensed = []string{"htmx.org", "lucide-static", "@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono"}

func (b *build) run() error {
	for _, dir := range []*string{&b.src, &b.modules, &b.out} {
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return err
		}
		*dir = abs
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	return errors.Join(b.bundle("app.js"), b.bundle("portal.js"), b.bundle("relay-portal.js"), b.bundle("app.css"), b.bundle("portal.css"), b.copyFiles(), b.sprite(), b.licences())
}

// bundle writes a minified script or style sheet with everything it imports.
func (b *build) bundle(name string) error {
	r := api.Build(api.BuildOptions{
		EntryPoints: []string{filepath.Join(b.src, name)}, Outfile: filepath.Join(b.out, name),
		NodePaths: []string{b.modules}, External: []string{"*.woff2"},
		Bundle: true, Write: true, Format: api.FormatIIFE, Target: api.ESNext, LogLevel: api.LogLevelError,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true, LegalComments: api.LegalCommentsNone,
	})
	if len(r.Errors) > 0 {
		return fmt.Errorf("bundling %s: %s", name, r.Errors[0].Text)
	}
	return nil
}

// copyFiles writes what is shipped as it is.
func (b *build) copyFiles() error {
	files := map[string]string{"mark.svg": filepath.Join(b.src, "mark.svg")}
	for name, from := range fonts {
		files[name] = filepath.Join(b.modules, from)
	}
	var errs []error
	for name, from := range files {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(b.out, name), content, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
	spaces  = regexp.MustCompile(`\s+`)
	svg     = regexp.MustCompile(`(?s)<svg[^>]*>(.*)</svg>`)
)

// sprite writes the icons that icons.txt names into one file, a symbol each.
func (b *build) sprite() error {
	names, err := os.ReadFile(filepath.Join(b.src, "icons.txt"))
	if err != nil {
		return err
	}
	var s bytes.Buffer
	s.WriteString(`<svg xmlns="http://www.w3.org/2000/svg">`)
	for _, name := range strings.Fields(string(names)) {
		icon, err := os.ReadFile(filepath.Join(b.modules, "lucide-static/icons", name+".svg"))
		if err != nil {
			return err
		}
		parts := svg.FindSubmatch(comment.ReplaceAll(icon, nil))
		if parts == nil {
			return fmt.Errorf("icon %q is not a single svg element", name)
		}
		paths := spaces.ReplaceAllString(strings.TrimSpace(string(parts[1])), " ")
		fmt.Fprintf(&s, `<symbol id="%s" viewBox="0 0 24 24">%s</symbol>`, name, strings.ReplaceAll(paths, "> <", "><"))
	}
	s.WriteString("</svg>\n")
	return os.WriteFile(filepath.Join(b.out, "icons.svg"), s.Bytes(), 0o644)
}

// licences writes the texts that the packages' licences ask to be passed on.
func (b *build) licences() error {
	var s bytes.Buffer
	for _, name := range licensed {
		text, err := os.ReadFile(filepath.Join(b.modules, name, "LICENSE"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&s, "%s\n\n%s\n\n", name, bytes.TrimSpace(text))
	}
	return os.WriteFile(filepath.Join(b.out, "licences.txt"), s.Bytes(), 0o644)
}
