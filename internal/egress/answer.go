package egress

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
)

// An answer is the head of an HTTP/1.1 response.
type answer struct {
	status  int
	header  []Field
	length  int64 // of the body; -1: not announced
	chunked bool
	close   bool // the connection ends with it
}

// A malformedError says what is wrong with an answer.
type malformedError struct{ what string }

func (e *malformedError) Error() string { return "malformed HTTP answer: " + e.what }

func notHTTP(what string) error { return &malformedError{what} }

// errLongHeader refuses a header above maxHeader.
var errLongHeader = errors.New("the answer's header is too long")

// readAnswer reads the head of the final answer; informational ones (RFC 9110 section 15.2) are passed over, but
// count towards the limit. first is called when the first byte is there.
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
		if err := ans.readHeader(r, &left); err != nil {
			return nil, err
		}
		if ans.status == http.StatusSwitchingProtocols {
			return nil, notHTTP("it is 101 without being asked for")
		}
		if ans.status < 200 {
			continue
		}
		return ans, ans.frame(old)
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
	if len(line) < 12 || string(line[:7]) != version || line[7] != '0' && line[7] != '1' || line[8] != ' ' ||
		len(line) > 12 && line[12] != ' ' {
		return false, notHTTP("it does not begin with a status line")
	}
	for _, c := range line[9:12] {
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

// readHeader reads the fields up to the empty line.
func (ans *answer) readHeader(r *bufio.Reader, left *int) error {
	for {
		line, err := readLine(r, left)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return nil
		}
		colon := bytes.IndexByte(line, ':')
		// A line that begins with a space would continue the one before (obsolete, RFC 9112 section 5.2).
		if colon <= 0 || !isTokenBytes(line[:colon]) {
			return notHTTP("it has a header line without a name")
		}
		value := bytes.Trim(line[colon+1:], " \t")
		for _, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				return notHTTP("it has a control character in its header")
			}
		}
		if ans.header == nil {
			ans.header = make([]Field, 0, 8)
		}
		ans.header = append(ans.header, Field{fieldName(line[:colon]), string(value)})
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

func isTokenBytes(b []byte) bool {
	for _, c := range b {
		if !tokenBytes[c] {
			return false
		}
	}
	return len(b) > 0
}

// tokenBytes marks the characters of a token (RFC 9110 section 5.6.2).
var tokenBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = isToken(string(rune(c))) && c < 0x80
	}
	return t
}()

// frame finds out how the body ends (RFC 9112 section 6.3). Whatever can be read in two ways is refused.
func (ans *answer) frame(old bool) error {
	ans.close = old
	coded := false
	for _, f := range ans.header {
		switch f.Name {
		case "Content-Length":
			n, err := strconv.ParseUint(f.Value, 10, 63)
			if err != nil || f.Value[0] == '+' || ans.length >= 0 && ans.length != int64(n) {
				return notHTTP("its Content-Length cannot be understood")
			}
			ans.length = int64(n)
		case "Transfer-Encoding":
			if coded || !strings.EqualFold(f.Value, "chunked") {
				return notHTTP("its Transfer-Encoding is not chunked")
			}
			coded = true
		case "Connection":
			for v := range strings.SplitSeq(f.Value, ",") {
				if strings.EqualFold(strings.TrimSpace(v), "close") {
					ans.close = true
				}
			}
		}
	}
	if coded {
		if old {
			return notHTTP("it is HTTP/1.0 and has a Transfer-Encoding")
		}
		if ans.length >= 0 {
			ans.close = true // RFC 9112 section 6.3: the encoding counts, and the connection is not to be trusted
		}
		ans.chunked, ans.length = true, -1
	}
	if !ans.chunked && ans.length < 0 {
		ans.close = true
	}
	return nil
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
