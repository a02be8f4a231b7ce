package safehttp

import (
	"fmt"
	"io"
)

// TooLargeError says that a body was longer than allowed. What was read of it before is not the whole and must not be used as if it were.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the body is longer than %d bytes", e.Limit)
}

// LimitBody returns a body that fails with a *TooLargeError where the given one goes on after limit bytes. io.LimitReader would end there as if nothing
// were missing.
func LimitBody(body io.ReadCloser, limit int64) io.ReadCloser {
	return &limitedBody{ReadCloser: body, limit: limit, left: limit}
}

type limitedBody struct {
	io.ReadCloser
	limit, left int64
	err         error
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	// One byte more than allowed, to tell a body of exactly the limit from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), &TooLargeError{Limit: b.limit}
	}
	b.left -= int64(n)
	b.err = err
	return n, err
}
