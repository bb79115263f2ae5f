package api

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/relay-events/relay/internal/web"
)

// lineBuffer is the first size of a stream's buffer, in bytes.
const lineBuffer = 64 << 10

// lineReader takes a stream apart into lines. Its buffer grows with a line that does not fit, is charged to the bound on
// bodies before it does, and shrinks again. (bufio.Scanner neither charges nor shrinks, nor passes over a line that is
// too long; bufio.Reader copies each long line once more.)
type lineReader struct {
	in      *web.Stream
	limit   int // bytes of a line without its end
	buf     []byte
	charged int
	start   int  // of the part not returned yet
	scanned int  // there is no line end before it
	end     int  // of the part read so far
	timed   bool // the time for the line runs
	err     error
}

func newLineReader(in *web.Stream, limit int) (*lineReader, error) {
	l := &lineReader{in: in, limit: limit}
	return l, l.resize(lineBuffer)
}

// resize moves the part not returned yet to a buffer of n bytes.
func (l *lineReader) resize(n int) error {
	if n > l.charged {
		if err := l.in.Reserve(n); err != nil {
			return err
		}
	}
	bigger := make([]byte, n)
	l.end = copy(bigger, l.buf[l.start:l.end])
	l.scanned -= l.start
	l.start, l.buf = 0, bigger
	if n > l.charged {
		l.in.Release(l.charged)
	} else {
		l.in.Release(l.charged - n)
	}
	l.charged = n
	return nil
}

// empty reports whether nothing is there that was read and not returned.
func (l *lineReader) empty() bool { return l.start == l.end }

// lateLine is the error of a line that takes too long.
const lateLine = "a line of the stream was not whole a minute after it had begun"

// next returns a line with its end, valid until the next call; the last one may come without an end, with the error that
// reading ended with. A line longer than the limit is passed over and comes cut off, with bufio.ErrTooLong.
func (l *lineReader) next() ([]byte, error) {
	if l.start == l.end {
		l.start, l.scanned, l.end = 0, 0, 0
		if len(l.buf) > lineBuffer {
			if err := l.resize(lineBuffer); err != nil {
				return nil, err
			}
		}
	}
	long := false
	for {
		if i := bytes.IndexByte(l.buf[l.scanned:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.scanned+i+1]
			l.start += len(line)
			l.scanned = l.start
			l.onTime()
			return l.cut(line, nil, long)
		}
		l.scanned = l.end
		if l.err != nil {
			line := l.buf[l.start:l.end]
			l.start = l.end
			return l.cut(line, l.err, long)
		}
		if l.end-l.start > l.limit+len("\r\n") {
			long = true
			l.end = l.start + l.limit + len("\r\n") // the rest is passed over, but for what may be its end
			l.scanned = l.end
		}
		if l.end == len(l.buf) && l.start > 0 {
			l.end = copy(l.buf, l.buf[l.start:l.end])
			l.start, l.scanned = 0, l.end
		}
		if l.end == len(l.buf) {
			if err := l.resize(min(2*len(l.buf), max(l.limit+lineBuffer, 2*lineBuffer))); err != nil {
				return nil, err
			}
		}
		if !l.timed && l.end > l.start {
			l.timed = true
			l.in.Within(lateLine)
		}
		n, err := l.in.Read(l.buf[l.end:])
		l.end += n
		l.err = err
	}
}

// onTime ends the time that a line has.
func (l *lineReader) onTime() {
	if l.timed {
		l.timed = false
		l.in.Within("")
	}
}

// cut returns a line as next does.
func (l *lineReader) cut(line []byte, err error, long bool) ([]byte, error) {
	if trimmed := bytes.TrimRight(line, "\r\n"); long || len(trimmed) > l.limit {
		if err == nil || errors.Is(err, io.EOF) {
			return line[:l.limit], bufio.ErrTooLong
		}
	}
	return line, err
}
