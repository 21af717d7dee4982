package jail

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Offer is what jails of this machine can do besides keeping things apart.
type Offer struct {
	Names bool // Box.Names need not exist outside
	Over  bool // a directory of the file system in question can be laid over another
}

// Offers finds that out by trying, with directories that it makes below dir.
func Offers(ctx context.Context, dir string, mode Mode, users Users) (Offer, error) {
	if mode == Off {
		return Offer{}, nil
	}
	temp, err := os.MkdirTemp(dir, ".offers-")
	if err != nil {
		return Offer{}, fmt.Errorf("finding out what jails can do: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	o := Over{Below: filepath.Join(temp, "below"), At: filepath.Join(temp, "at"), Work: filepath.Join(temp, "work")}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err == nil {
		defer func() { _ = null.Close() }()
		err = errors.Join(os.Mkdir(o.Below, 0o755), os.Mkdir(o.At, 0o755), os.Mkdir(o.Work, 0o700))
	}
	if err != nil {
		return Offer{}, fmt.Errorf("finding out what jails can do: %w", err)
	}
	var offer Offer
	c := Config{Mode: mode, Users: users, Stdout: null, Stderr: null}
	if j, err := Start(ctx, c); err == nil { // else each job says why it does not start
		offer.Names = j.Renames()
		_ = j.Close()
	}
	if !offer.Names {
		return offer, nil
	}
	c.Box = Box{Own: []string{o.At}, Over: &o}
	if j, err := Start(ctx, c); err == nil {
		offer.Over = true
		_ = j.Close()
	}
	return offer, nil
}
