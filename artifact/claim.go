package artifact

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// ErrClaimed means that a key was claimed before.
var ErrClaimed = errors.New("claimed before")

// maxClaimant bounds what is read of a claim, in bytes.
const maxClaimant = 200

// Claim takes a key for one caller, once and for ever: of any number of calls,
// in any number of processes, also after a crash, one returns nil. All others
// return ErrClaimed, also when by is the same. It returns when that is durable;
// who it was may be lost in a power cut. by has at most 200 bytes.
func (d *Dir) Claim(_ context.Context, key, by string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if err := d.claim(key, by); err != nil {
		return fmt.Errorf("claiming %s: %w", key, err)
	}
	return nil
}

func (d *Dir) claim(key, by string) error {
	parent := path.Dir(key)
	top := d.existing(parent)
	if err := d.root.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	temp := path.Join(incoming, rand.Text())
	defer func() { _ = d.root.Remove(temp) }()
	if err := d.root.WriteFile(temp, []byte(by), 0o600); err != nil {
		return err
	}
	err := d.root.Link(temp, key) // who finds the key finds who has it
	if errors.Is(err, fs.ErrExist) {
		return ErrClaimed
	}
	if err != nil {
		return err
	}
	return d.syncUp(parent, top)
}

// Claimant is who claimed a key; empty when that was lost. claimed is false
// when nobody did.
func (d *Dir) Claimant(_ context.Context, key string) (by string, claimed bool, err error) {
	if err := CheckKey(key); err != nil {
		return "", false, err
	}
	content, err := d.root.ReadFile(key)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading claim %s: %w", key, err)
	}
	return string(content[:min(len(content), maxClaimant)]), true, nil
}
