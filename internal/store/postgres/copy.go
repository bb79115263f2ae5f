package postgres

import (
	"encoding/binary"
	"io"
	"sync"
)

// copyRows encodes rows in the binary format of COPY:
// https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
type copyRows struct {
	b      []byte
	traced bool // see event
}

var copyHeader = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")

func (c *copyRows) reset() { c.b = append(c.b[:0], copyHeader...) }

func (c *copyRows) row(fields int16) { c.b = binary.BigEndian.AppendUint16(c.b, uint16(fields)) }

func (c *copyRows) end() { c.row(-1) }

func (c *copyRows) size(n int) { c.b = binary.BigEndian.AppendUint32(c.b, uint32(int32(n))) }

func (c *copyRows) null() { c.size(-1) }

func (c *copyRows) int64(v int64) {
	c.size(8)
	c.b = binary.BigEndian.AppendUint64(c.b, uint64(v))
}

func (c *copyRows) int32(v int32) {
	c.size(4)
	c.b = binary.BigEndian.AppendUint32(c.b, uint32(v))
}

func (c *copyRows) int16(v int16) {
	c.size(2)
	c.b = binary.BigEndian.AppendUint16(c.b, uint16(v))
}

func (c *copyRows) text(s string) {
	c.size(len(s))
	c.b = append(c.b, s...)
}

func (c *copyRows) bytes(b []byte) {
	c.size(len(b))
	c.b = append(c.b, b...)
}

// begin leaves room for the length of a field that is appended to c.b; finish
// fills it in.
func (c *copyRows) begin() (mark int) {
	c.size(0)
	return len(c.b)
}

func (c *copyRows) finish(mark int) {
	binary.BigEndian.PutUint32(c.b[mark-4:], uint32(len(c.b)-mark))
}

// shrink gives up memory that one very large group needed.
func (c *copyRows) shrink() {
	if cap(c.b) > 8<<20 {
		c.b = nil
	}
}

// copyReader reads rows for a COPY. When its connection breaks, pgx returns
// while a goroutine of its may still be reading; after close that reader gets
// no more of them, and their memory may be used again.
type copyReader struct {
	mu   sync.Mutex
	rest []byte
}

// Read implements io.Reader.
func (r *copyReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *copyReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rest = nil
}
