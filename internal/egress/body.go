package egress

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// buffers hold bodies whose length is not known beforehand.
var buffers = sync.Pool{New: func() any { return new([keepBody]byte) }}

// readBody keeps the first keepBody bytes of the body and reads on to drainBody. done tells that it came to the end of
// the body; where it stops early, the connection is of no further use. announced is the body's length, -1 for unknown.
func (a *attempt) readBody(out *Response, body io.Reader, announced int64) (done bool, err error) {
	switch {
	case announced == 0:
		return true, nil
	case announced > 0 && announced <= keepBody:
		out.Body = make([]byte, announced)
		got, err := readFull(body, out.Body)
		out.Body = out.Body[:got]
		out.BodyBytes, a.bodyRead = int64(got), int64(got)
		return err == nil, err
	}
	buf := buffers.Get().(*[keepBody]byte)
	defer buffers.Put(buf)
	got, err := readFull(body, buf[:])
	out.Body = slices.Clone(buf[:got])
	out.BodyBytes, a.bodyRead = int64(got), int64(got)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if announced > drainBody {
		out.Truncated = true // more is announced than would ever be drained
		return false, nil
	}
	for out.BodyBytes < drainBody {
		got, err := body.Read(buf[:min(keepBody, drainBody-out.BodyBytes)])
		out.BodyBytes += int64(got)
		a.bodyRead = out.BodyBytes
		out.Truncated = out.BodyBytes > keepBody
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// readFull fills p and returns the reader's own error if it could not. io.ReadFull is of no use here: it makes a good
// end look like a body that was cut short.
func readFull(r io.Reader, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		got, err := r.Read(p[n:])
		n += got
		if err != nil && n < len(p) {
			return n, err
		}
	}
	return n, nil
}

// explainBody is explain for an error in the body.
func (a *attempt) explainBody(err error, announced int64) *Error {
	e := a.explain(err)
	if e.Kind == KindReset && announced > 0 && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		e.Kind = KindProtocol
		e.Message = fmt.Sprintf("the answer's body ended after %d of %d announced bytes", a.bodyRead, announced)
	}
	return e
}
