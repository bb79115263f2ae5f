package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

// net/http is the parser; the framing watcher only adds the refusals it leaves out. A message that carries both
// Content-Length and Transfer-Encoding is what request smuggling is made of, and RFC 9112 section 6.1 asks a server to
// treat it as an error, but net/http deletes the one header and serves the other, so that a handler cannot tell.
//
// The watcher sees every byte read from a connection, follows heads and bodies, and keeps one verdict per head; the
// handler takes the verdict of its own request. Whatever the watcher cannot follow counts as bad: it may refuse a
// request that net/http would have served, it never approves one that it did not understand.

// maxWatchedLine is how many bytes of a header or chunk-size line the watcher keeps. The lines it reads are short;
// a longer one with a framing header's name counts as bad.
const maxWatchedLine = 256

// maxVerdicts bounds the heads that were read but not yet served. net/http reads 4 KiB ahead and a request line
// alone takes 16 bytes, so that an honest connection never has as many.
const maxVerdicts = 512

// headVerdict is the fault of a head, if any, that net/http lets pass.
type headVerdict uint8

const (
	headSound   headVerdict = iota
	headFraming             // two lengths, or a coding that is not understood
	headLineEnd             // a line that does not end in CRLF
	headTarget              // an absolute target that is not of this host by plain http
)

type framingState uint8

const (
	inHead      framingState = iota // in a request line or header
	inBody                          // in a body of known length
	inChunkSize                     // in a line with a chunk's size
	inChunk                         // in a chunk's data and the CRLF after it
	inTrailer                       // behind the last chunk
	lost                            // cannot follow any more; every further head is bad
)

// watchedConn is a connection with a framing watcher on its incoming bytes.
type watchedConn struct {
	net.Conn
	holder *heldConn   // nil: it is not counted
	reset  atomic.Bool // reading has failed, otherwise than by the end of input or the clock: nobody waits for an answer

	mu       sync.Mutex // Read runs on net/http's goroutines, takeVerdict on the handler's
	state    framingState
	line     []byte // the current line, its first maxWatchedLine bytes
	long     bool   // the current line has more
	cr       bool   // the last byte of the current line so far is a CR
	blank    bool   // a CR before the request line was taken out; LF must follow
	first    bool   // the current line is a request line
	http10   bool
	length   int64 // Content-Length of the head; -1: none
	chunked  bool
	absolute bool   // the request line names the host
	host     string // that it names
	bad      headVerdict
	left     int64 // bytes left of a body or chunk
	verdicts []headVerdict
}

func newWatchedConn(c net.Conn) *watchedConn {
	w := &watchedConn{Conn: c}
	if h, ok := c.(interface{ held() *heldConn }); ok {
		w.holder = h.held()
	}
	w.startHead()
	return w
}

// Read implements net.Conn.
func (w *watchedConn) Read(p []byte) (int, error) {
	for {
		n, err := w.Conn.Read(p)
		if n > 0 {
			w.mu.Lock()
			n = w.watch(p[:n])
			w.mu.Unlock()
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
			w.reset.Store(true)
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// CloseWrite ends the sending side. net/http does so before it closes a connection with unread input, or else the
// client might lose the answer to a reset.
func (w *watchedConn) CloseWrite() error { return closeWrite(w.Conn) }

// takeVerdict returns the verdict on the oldest head without a handler.
func (w *watchedConn) takeVerdict() headVerdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.verdicts) == 0 {
		return headFraming
	}
	v := w.verdicts[0]
	w.verdicts = w.verdicts[:copy(w.verdicts, w.verdicts[1:])]
	return v
}

func (w *watchedConn) startHead() {
	w.state, w.first = inHead, true
	w.http10, w.chunked, w.absolute, w.host, w.bad = false, false, false, "", headSound
	w.length = -1
	w.line, w.long, w.cr = w.line[:0], false, false
}

// watch follows what was read, takes empty lines before a request line out of it (RFC 9112 section 2.2: old clients send
// one behind a body), and returns how much is left.
func (w *watchedConn) watch(all []byte) int {
	b := all // bytes not followed yet
	drop := func() {
		copy(b, b[1:])
		all, b = all[:len(all)-1], b[:len(b)-1]
	}
	for len(b) > 0 {
		if w.state == inHead && w.first && len(w.line) == 0 && !w.long {
			switch {
			case w.blank && b[0] == '\n':
				w.blank = false
				drop()
				continue
			case w.blank:
				w.blank, w.bad = false, headLineEnd
			case b[0] == '\r' && w.bad == headSound:
				w.blank = true
				drop()
				continue
			}
		}
		switch w.state {
		case lost:
			return len(all)
		case inBody:
			n := min(int64(len(b)), w.left)
			w.left -= n
			b = b[n:]
			if w.left == 0 {
				w.startHead()
			}
		case inChunk:
			n := min(int64(len(b)), w.left)
			w.left -= n
			b = b[n:]
			if w.left == 0 {
				w.state = inChunkSize
			}
		default:
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				w.keep(b)
				return len(all)
			}
			if end > 0 {
				w.cr = b[end-1] == '\r'
			}
			if len(w.line) == 0 && !w.long && end <= maxWatchedLine { // the whole line lies in b: no copy
				w.endLine(b[:end])
			} else {
				w.keep(b[:end])
				w.endLine(w.line)
			}
			w.line, w.long, w.cr = w.line[:0], false, false
			b = b[end+1:]
		}
	}
	return len(all)
}

func (w *watchedConn) keep(b []byte) {
	if len(b) > 0 {
		w.cr = b[len(b)-1] == '\r'
	}
	room := maxWatchedLine - len(w.line)
	if len(b) > room {
		b, w.long = b[:room], true
	}
	w.line = append(w.line, b...)
}

// endLine handles a line without its LF.
func (w *watchedConn) endLine(line []byte) {
	if !w.long {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	switch w.state {
	case inHead:
		if !w.cr {
			w.bad = headLineEnd // parsers in front differ about what such a line is
		}
		w.headLine(line)
	case inChunkSize:
		w.chunkSize(line, w.cr)
	case inTrailer:
		switch {
		case !w.cr:
			w.state = lost
		case len(line) == 0 && !w.long:
			w.startHead()
		}
	}
}

func (w *watchedConn) headLine(line []byte) {
	switch {
	case w.first:
		w.first = false
		// HTTP/1.0 has no Transfer-Encoding: net/http would ignore the header and frame by length, a proxy in front
		// might not. The line may be cut off, then its version is unknown; net/http judges it.
		w.http10 = bytes.HasSuffix(line, []byte(" HTTP/1.0"))
		w.target(line)
	case len(line) == 0 && !w.long:
		w.endHead()
	case line[0] == ' ' || line[0] == '\t':
		w.bad = headFraming // a folded line, obsolete since RFC 7230: parsers differ about it
	default:
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.Trim(value, " \t")
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, ok := parseDecimal(value)
			if !ok || w.long || w.length >= 0 && w.length != n {
				w.bad = headFraming
			}
			w.length = n
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if w.chunked || w.http10 || w.long || !bytes.EqualFold(value, []byte("chunked")) {
				w.bad = headFraming
			}
			w.chunked = true
		case w.absolute && bytes.EqualFold(name, []byte("Host")):
			if w.long || !strings.EqualFold(string(value), w.host) {
				w.bad = headTarget
			}
		}
	}
}

// target looks at the target of a request line. One in absolute form must be of plain http and of the host that the
// header Host names: net/http would take the host from it, a proxy in front may have looked at the header.
func (w *watchedConn) target(line []byte) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, _, _ := bytes.Cut(rest, []byte(" "))
	if len(target) == 0 || target[0] == '/' || string(target) == "*" || string(method) == "CONNECT" {
		return // an empty one is net/http's to refuse, CONNECT is not served
	}
	const scheme = "http://"
	if len(target) < len(scheme) || !strings.EqualFold(string(target[:len(scheme)]), scheme) {
		w.bad = headTarget
		return
	}
	host := target[len(scheme):]
	if i := bytes.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	} else if w.long {
		w.bad = headTarget // its end was not kept
	}
	if len(host) == 0 || bytes.ContainsAny(host, "@\\") {
		w.bad = headTarget
	}
	w.absolute, w.host = true, string(host)
}

func (w *watchedConn) endHead() {
	if w.chunked && w.length >= 0 {
		w.bad = headFraming
	}
	if len(w.verdicts) >= maxVerdicts {
		w.state = lost
		return
	}
	w.verdicts = append(w.verdicts, w.bad)
	switch {
	case w.bad != headSound:
		w.state = lost // the connection is closed after the refusal
	case w.chunked:
		w.state = inChunkSize
	case w.length > 0:
		w.state, w.left = inBody, w.length
	default:
		w.startHead()
	}
}

// chunkSize reads a line such as "1a;name=value". A line that net/http refuses, too, loses the watcher: the body
// cannot be read to its end then, and the connection is closed.
func (w *watchedConn) chunkSize(line []byte, crlf bool) {
	digits, _, extended := bytes.Cut(line, []byte(";"))
	if extended {
		digits = bytes.TrimRight(digits, " \t")
	}
	size, ok := parseHex(digits)
	switch {
	case !ok || !crlf:
		w.state = lost
	case size == 0:
		w.state = inTrailer
	default:
		w.state, w.left = inChunk, size+2 // and its CRLF
	}
}

// parseDecimal reads 1 to 18 digits and nothing else.
func parseDecimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// parseHex reads 1 to 15 hexadecimal digits and nothing else.
func parseHex(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | int64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | int64(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// watchedListener gives out watched connections.
type watchedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newWatchedConn(c), nil
}
