package egress

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// An answer is the head of an HTTP/1.1 response.
type answer struct {
	status  int
	header  []Field
	length  int64 // of the body; -1: not announced
	chunked bool
	close   bool   // the connection ends with it
	unclear string // why nobody can say where the body ends; empty: it is clear
}

// A malformedError describes a fault of an answer.
type malformedError struct{ what string }

func (e *malformedError) Error() string { return "malformed HTTP answer: " + e.what }

func notHTTP(what string) error { return &malformedError{what} }

// errLongHeader refuses a header above maxHeader.
var errLongHeader = errors.New("the answer's header is too long")

// readAnswer reads the head of the final answer; informational ones (RFC 9110 section 15.2) are passed over, but
// count towards the limit. first is called when the first byte is there. An answer that comes with an error is as much
// as could be read: its status is known.
//
// The status says whether the receiver has taken the event, so everything behind it is read leniently, as other clients
// do: what could be read in two ways costs the connection, not the delivery.
func readAnswer(r *bufio.Reader, first func()) (*answer, error) {
	if _, err := r.Peek(1); err != nil {
		return nil, err
	}
	first()
	left := maxHeader
	for {
		ans := &answer{length: -1}
		line, err := readLine(r, &left)
		if err != nil {
			return nil, err
		}
		old, err := ans.statusLine(line)
		if err != nil {
			return nil, err
		}
		err = ans.readHeader(r, &left)
		switch {
		case ans.status == http.StatusSwitchingProtocols:
			return nil, notHTTP("it is 101 without being asked for")
		case err != nil && ans.status < 200:
			return nil, err
		case err != nil:
			return ans, err
		case ans.status < 200:
			continue
		}
		ans.frame(old)
		return ans, nil
	}
}

// readLine reads a line without its end. The result is valid until the next read.
func readLine(r *bufio.Reader, left *int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if *left -= len(line); *left < 0 {
		return nil, errLongHeader
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		// Longer than the buffer: gather it.
		whole := bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			line, err = r.ReadSlice('\n')
			if *left -= len(line); *left < 0 {
				return nil, errLongHeader
			}
			whole = append(whole, line...)
		}
		line = whole
	}
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// statusLine reads "HTTP/1.1 200 OK"; old tells HTTP/1.0.
func (ans *answer) statusLine(line []byte) (old bool, err error) {
	const version = "HTTP/1."
	if len(line) < 9 || string(line[:7]) != version || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return false, notHTTP("it does not begin with a status line")
	}
	code := bytes.TrimLeft(line[8:], " ")
	if len(code) < 3 || len(code) > 3 && code[3] != ' ' {
		return false, notHTTP("it has no status code")
	}
	for _, c := range code[:3] {
		if c < '0' || c > '9' {
			return false, notHTTP("it has no status code")
		}
		ans.status = ans.status*10 + int(c-'0')
	}
	if ans.status < 100 {
		return false, notHTTP("it has no status code")
	}
	return line[7] == '0', nil
}

// readHeader reads the fields up to the empty line. It keeps as much as it can: a line that continues the one before (obsolete
// line folding) is joined to it by a space (RFC 9112 section 5.2), a field whose name is not valid is dropped, and control
// characters in a value become spaces (RFC 9110 section 5.5). All but the first cost the connection.
func (ans *answer) readHeader(r *bufio.Reader, left *int) error {
	dropped := false // the line before: what continues it goes with it
	for {
		line, err := readLine(r, left)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			last := len(ans.header) - 1
			if dropped || last < 0 {
				ans.close = true
				continue
			}
			f := &ans.header[last]
			f.Value = strings.TrimRight(f.Value+" "+ans.value(line), " ")
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if dropped = colon <= 0 || !isToken(line[:colon]); dropped {
			ans.close = true
			if colon > 0 {
				ans.spaced(bytes.TrimRight(line[:colon], " \t"), ans.value(line[colon+1:]))
			}
			continue
		}
		if ans.header == nil {
			ans.header = make([]Field, 0, 8)
		}
		ans.header = append(ans.header, Field{Name: fieldName(line[:colon]), Value: ans.value(line[colon+1:])})
	}
}

// value returns a field's value without the spaces around it and without control characters.
func (ans *answer) value(b []byte) string {
	b = bytes.Trim(b, " \t")
	for i, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			ans.close = true
			b[i] = ' '
		}
	}
	return string(b)
}

// spaced notes that a field that says where the body ends has a space before its colon, "Content-Length : 2". Clients
// disagree on such a field, so the body is left alone.
func (ans *answer) spaced(name []byte, value string) {
	if strings.EqualFold(string(name), "Content-Length") || strings.EqualFold(string(name), "Transfer-Encoding") {
		ans.unclear = fmt.Sprintf("there is a space behind the name of its %s (%.40q)", fieldName(name), value)
	}
}

// fieldName returns the name in the form in which names are shown, without allocating for common ones.
func fieldName(name []byte) string {
	switch string(name) {
	case "Content-Length":
		return "Content-Length"
	case "Content-Type":
		return "Content-Type"
	case "Date":
		return "Date"
	case "Server":
		return "Server"
	case "Connection":
		return "Connection"
	}
	return textproto.CanonicalMIMEHeaderKey(string(name))
}

// isToken is httpguts.ValidHeaderFieldName on bytes.
func isToken(b []byte) bool {
	for _, c := range b {
		if !httpguts.IsTokenRune(rune(c)) {
			return false
		}
	}
	return len(b) > 0
}

// frame finds out how the body ends (RFC 9112 section 6.3). Where that can be read in two ways the connection is closed
// behind the answer, and where it cannot be told at all the body is not read.
func (ans *answer) frame(old bool) {
	ans.close = ans.close || old
	coded := false
	for _, f := range ans.header {
		switch f.Name {
		case "Content-Length":
			for v := range strings.SplitSeq(f.Value, ",") {
				n, err := strconv.ParseUint(strings.TrimSpace(v), 10, 63)
				if err != nil || ans.length >= 0 && ans.length != int64(n) {
					ans.unclear = "its Content-Length cannot be understood"
					continue
				}
				ans.length = int64(n)
			}
		case "Transfer-Encoding":
			for v := range strings.SplitSeq(f.Value, ",") {
				switch v = strings.TrimSpace(v); {
				case strings.EqualFold(v, "chunked") && !ans.chunked:
					coded, ans.chunked = true, true
				case strings.EqualFold(v, "identity"), v == "":
					ans.close = true
				default: // a coding below the chunks: the body is kept as it came
					coded, ans.close = true, true
				}
			}
		case "Connection":
			for v := range strings.SplitSeq(f.Value, ",") {
				if strings.EqualFold(strings.TrimSpace(v), "close") {
					ans.close = true
				}
			}
		}
	}
	if coded {
		if ans.length >= 0 || ans.unclear != "" {
			ans.close = true // RFC 9112 section 6.3: the encoding counts, and the connection is not to be trusted
		}
		ans.length = -1 // HTTP/1.0 knows no Transfer-Encoding: the connection is closed, as for all of HTTP/1.0 (section 6.1)
		if ans.chunked {
			ans.unclear = ""
		}
	}
}

// hasBody tells whether an answer to a method has a body (RFC 9112 section 6.3).
func hasBody(method string, status int) bool {
	return method != http.MethodHead && status != http.StatusNoContent && status != http.StatusNotModified
}

// chunks reads a chunked body and the trailer behind it.
type chunks struct {
	r    *bufio.Reader
	body io.Reader
	done bool
}

func newChunks(r *bufio.Reader) *chunks { return &chunks{r: r, body: httputil.NewChunkedReader(r)} }

func (c *chunks) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	n, err := c.body.Read(p)
	if errors.Is(err, io.EOF) {
		// The trailer is of no use to us, but the next answer begins behind it.
		for left := maxHeader; ; {
			line, err := readLine(c.r, &left)
			if err != nil {
				return n, err
			}
			if len(line) == 0 {
				c.done = true
				return n, io.EOF
			}
		}
	}
	return n, err
}
