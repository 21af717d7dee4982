package runner

import (
	"context"
	"errors"
)

var errClaimed = errors.New("the job has begun before")

func work(context.Context, Options) error { return errors.New("not built yet") }
