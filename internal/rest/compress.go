package rest

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"github.com/relay-events/relay/internal/web"
)

// Compression is for what is read: the documents, which are compressed once, and large answers to GET. Streams are never
// compressed, since their lines must arrive one by one, nor is any answer that shows a secret: those answer a POST.

// compressFrom is the size from which an answer is compressed, in bytes: below it a packet more or less is all.
const compressFrom = 4 << 10

var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level that exists
	return z
}}

// compressed returns body as gzip.
func compressed(body []byte) []byte {
	z, ok := compressors.Get().(*gzip.Writer)
	if !ok {
		return nil
	}
	defer compressors.Put(z)
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	z.Reset(&b)
	_, _ = z.Write(body) // to memory
	_ = z.Close()
	return b.Bytes()
}

// takesGzip reports whether a client takes gzip (RFC 9110 section 12.5.3); a client that says nothing is not asked to.
func takesGzip(h http.Header) bool {
	for _, value := range h["Accept-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			name, quality, _ := strings.Cut(coding, ";")
			if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
				continue
			}
			q, ok := strings.CutPrefix(strings.ToLower(strings.ReplaceAll(quality, " ", "")), "q=")
			return !ok || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

// sendRead answers a GET, compressed if the client takes it and it pays. The body is compressed here unless it comes with
// its gzip.
func sendRead(w http.ResponseWriter, r *http.Request, status int, contentType string, b packed) {
	body := b.plain
	if len(body) >= compressFrom {
		w.Header().Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header) {
			if b.zipped == nil {
				b.zipped = compressed(body)
			}
			w.Header().Set("Content-Encoding", "gzip")
			body = b.zipped
		}
	}
	web.Send(w, status, contentType, body)
}
