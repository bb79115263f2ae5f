package catalogue

import "context"

// Work is the checking and deriving of one publication.
type Work struct {
	ctx  context.Context
	stop error
}

func (w *Work) spend(int) error       { return nil }
func (w *Work) done() <-chan struct{} { return nil }
func (w *Work) stopped(error) bool    { return false }
func (w *Work) reason() string        { return "" }
