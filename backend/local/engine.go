package local

import (
	"context"
	"errors"

	"github.com/lockkeeper/lockkeeper/run"
)

// Engine implements run.Backend. Make one with New.
type Engine struct{ o Options }

var _ run.Backend = (*Engine)(nil)

// New checks the options and prepares the directory. Nothing runs before Run.
func New(o Options) (*Engine, error) {
	o, err := o.withDefaults()
	return &Engine{o: o}, err
}

var errSoon = errors.New("not built yet")

// Start implements run.Backend.
func (e *Engine) Start(context.Context, run.JobDocument) error { return errSoon }

// Cancel implements run.Backend.
func (e *Engine) Cancel(context.Context, string) error { return errSoon }

// Run implements run.Backend.
func (e *Engine) Run(context.Context, func(context.Context, run.Message) error) error {
	return errSoon
}
