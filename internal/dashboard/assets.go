package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/relay-events/relay/internal/web"
)

// The files that pages load. tools/assets makes them; a test compares them with their sources.
//
//go:embed assets/dist
var dist embed.FS

// assets serves the files that pages load, each below a hash of all of them: a browser keeps them until they change.
type assets struct {
	hash  string
	files map[string]asset
}

type asset struct {
	contentType string
	body        []byte
	zipped      func() []byte // nil where it would not be smaller; made at the first request, which a start need not wait for
}

func readAssets() (*assets, error) {
	a := &assets{files: make(map[string]asset)}
	sum := sha256.New()
	err := fs.WalkDir(dist, "assets/dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(body))
		sum.Write(body)
		f := asset{contentType: contentType(name), body: body, zipped: func() []byte { return nil }}
		if path.Ext(name) != ".woff2" { // compressed already
			f.zipped = sync.OnceValue(func() []byte { return compress(newZip(gzip.BestCompression), body) })
		}
		a.files[path.Base(name)] = f
		return nil
	})
	a.hash = hex.EncodeToString(sum.Sum(nil)[:8])
	if err != nil {
		return nil, fmt.Errorf("reading the pages' files: %w", err)
	}
	return a, nil
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".woff2": // not in every system's table
		return "font/woff2"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.PathValue("file")]
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !ok {
		h.Set("Cache-Control", "no-store")
		web.Send(w, http.StatusNotFound, "text/plain; charset=utf-8", []byte("There is no such file.\n"))
		return
	}
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.PathValue("hash") != a.hash { // a page of another version, while servers are being replaced
		h.Set("Cache-Control", "no-store")
	}
	f.send(w, r)
}

// send writes the file, compressed if the client takes it so.
func (f *asset) send(w http.ResponseWriter, r *http.Request) {
	h, body := w.Header(), f.body
	h.Set("Vary", "Accept-Encoding")
	if zipped := f.zipped(); zipped != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = zipped
	}
	web.Send(w, http.StatusOK, f.contentType, body)
}

// acceptsGzip reports whether the client takes gzip; browsers name it without a weight.
func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(coding) == "gzip" {
			return true
		}
	}
	return false
}

func newZip(level int) *gzip.Writer {
	z, err := gzip.NewWriterLevel(nil, level)
	if err != nil {
		panic(err) // there is such a level
	}
	return z
}

func compress(z *gzip.Writer, body []byte) []byte {
	var b bytes.Buffer
	z.Reset(&b)
	_, _ = z.Write(body) // to memory
	_ = z.Close()
	return b.Bytes()
}

// pageZips are writers for pages; a new one takes a megabyte. Level 5 makes pages a tenth smaller than the fastest.
var pageZips = sync.Pool{New: func() any { return newZip(5) }}

func compressPage(body []byte) []byte {
	z := pageZips.Get().(*gzip.Writer) //nolint:errcheck // nothing else is put there
	defer pageZips.Put(z)
	return compress(z, body)
}
