package github

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"github.com/lockkeeper/lockkeeper/run"
)

// object is something on GitHub that we create once and edit from then on.
type object struct {
	name    string // of its run.Posted
	digest  string // of its content
	class   class  // of bringing it up to date
	buttons string // of a check run, as run.Posted keeps them
	marks   string // of a check run: digest of its annotations, empty for none
	// mark is edit with the annotations, for a check run that has none yet.
	mark   func(ctx context.Context, id int64) error
	create func(ctx context.Context) (id int64, err error)
	edit   func(ctx context.Context, id int64) error // nil: it is never edited
	// find looks for one that an earlier attempt made at or after since without
	// learning so; 0 when there is none.
	find func(ctx context.Context, since time.Time) (id int64, err error)
}

// put brings an object up to date with at most one call on GitHub, unless
// nobody knows whether an earlier attempt to create it succeeded.
//
// Before it is created, a row without an id says that it may exist from now on.
// That row is what a second attempt, also one after a crash, finds.
func (d delivery) put(ctx context.Context, o object) error {
	posted, err := d.Store.Posted(ctx, o.name)
	switch {
	case errors.Is(err, run.ErrNotFound):
		if err := d.spend(ctx, o.class); err != nil {
			return err
		}
		return d.announce(ctx, o)
	case err != nil:
		return storeError(err)
	case posted.ID == 0:
		if posted.ID, err = o.find(ctx, intended(posted)); err != nil {
			return err
		}
		if posted.ID == 0 {
			if err := d.spend(ctx, o.class); err != nil {
				return err
			}
			return d.create(ctx, o)
		}
	case posted.Digest == o.digest || o.edit == nil:
		return nil
	}
	if o.edit != nil {
		if err := d.spend(ctx, o.class); err != nil {
			return err
		}
		edit := o.edit
		switch had := marksOf(posted.Digest); {
		case had != "" && had != o.marks:
			return d.announce(ctx, o) // annotations stay on a check run for good
		case had != o.marks:
			edit = o.mark
		}
		err := edit(ctx, posted.ID)
		if answers(err, http.StatusNotFound) || answers(err, http.StatusGone) {
			if err := d.spend(ctx, o.class); err != nil {
				return err
			}
			return d.announce(ctx, o) // somebody deleted it
		}
		if err != nil {
			return err
		}
	}
	return d.keep(ctx, o, posted.ID)
}

// announce keeps that an object may exist from now on, and creates it.
func (d delivery) announce(ctx context.Context, o object) error {
	intent := run.Posted{Name: o.name, Digest: d.Now().UTC().Format(time.RFC3339)}
	if err := d.Store.PutPosted(ctx, intent); err != nil {
		return storeError(err)
	}
	return d.create(ctx, o)
}

func (d delivery) create(ctx context.Context, o object) error {
	id, err := o.create(ctx)
	if err != nil {
		return err
	}
	return d.keep(ctx, o, id)
}

func (d delivery) keep(ctx context.Context, o object, id int64) error {
	// The object exists now: a server that stops must still note its id.
	if err := d.Store.PutPosted(context.WithoutCancel(ctx), run.Posted{Name: o.name, ID: id, Digest: o.digest, Buttons: o.buttons}); err != nil {
		return storeError(err)
	}
	return nil
}

// clockSkew is how far GitHub's clock may be behind ours.
const clockSkew = 10 * time.Minute

// intended is when the first attempt to create an object was, at the earliest.
func intended(p run.Posted) time.Time {
	at, err := time.Parse(time.RFC3339, p.Digest)
	if err != nil {
		return time.Time{}
	}
	return at.Add(-clockSkew)
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
