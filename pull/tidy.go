package pull

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// tidyEvery is how often a mirror is tidied at most.
	tidyEvery = 24 * time.Hour
	// tidyLimit ends what takes too long, because fetches wait for it.
	tidyLimit = 10 * time.Minute
	// tidied is a file in a mirror whose time is that of the last time.
	tidied = "lockkeeper.tidied"
)

// Tidy packs what many fetches left behind, in each mirror for which that was
// not done for a day and which nobody fetches into now; the others have their
// turn at the next call. Those that are not open yet are opened. Everything can
// be read meanwhile; a fetch waits. It goes on with the others when one fails.
func (m *Mirrors) Tidy(ctx context.Context, now time.Time) error {
	entries, err := os.ReadDir(m.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever fetched
	}
	if err != nil {
		return fmt.Errorf("listing mirrors: %w", err)
	}
	var all error
	for _, e := range entries {
		name, isMirror := strings.CutSuffix(e.Name(), ".git")
		id, err := strconv.ParseInt(name, 10, 64)
		if !isMirror || err != nil || !due(filepath.Join(m.Dir, e.Name(), tidied), now) {
			continue
		}
		mirror, err := m.Open(ctx, id)
		if err == nil {
			err = mirror.tidy(ctx, now)
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("tidying mirror of repository %d: %w", id, err))
		}
	}
	return all
}

func due(file string, now time.Time) bool {
	info, err := os.Stat(file)
	return err != nil || now.Sub(info.ModTime()) >= tidyEvery
}

// tidy makes few packs of many and one file of many refs. It drops no object,
// also none that nothing refers to: "repack --geometric" copies whole packs, so
// that there is no moment for which an age of unused objects would have to be
// guessed, as gc.pruneExpire does. It leaves packs alone that are large compared
// with what came after them, so it takes as long as what is new, not as the
// repository. A git that reads looks again when a pack is gone
// (git-scm.com/docs/git-repack, git 2.32 or newer).
func (m *Mirror) tidy(ctx context.Context, now time.Time) error {
	select {
	case m.fetching <- struct{}{}:
		defer func() { <-m.fetching }()
	default:
		return nil // no quiet moment
	}
	ctx, cancel := context.WithTimeout(ctx, tidyLimit)
	defer cancel()
	if err := m.large().sweep(now.Add(-largeRetention)); err != nil {
		return fmt.Errorf("large files: %w", err)
	}
	for _, args := range [][]string{
		{"-c", "pack.threads=1", "repack", "--geometric=2", "-d", "-n", "-q"}, // one processor of those that plans need
		{"pack-refs", "--all"},
	} {
		if _, err := output(ctx, git(ctx, m.dir, args...)); err != nil {
			return fmt.Errorf("%s: %w", args[len(args)-1], err)
		}
	}
	stamp := filepath.Join(m.dir, tidied)
	if err := os.WriteFile(stamp, nil, 0o600); err != nil {
		return err
	}
	return os.Chtimes(stamp, now, now)
}
