package local

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/runner"
)

// sourcesDir holds the unpacked sources that jobs share (package runner makes
// them), and bootFile, in which boot of the machine they were made: what was not on
// the disk yet when it lost its power is no tree of a commit.
const (
	sourcesDir = ".sources"
	bootFile   = "boot"
)

// Trees that no job uses are kept for the next plan of the commit, for so long and
// so many.
const (
	sourcesFor  = time.Hour
	sourcesKept = 16
)

func (e *Engine) sources() string { return filepath.Join(e.o.Dir, sourcesDir) }

// dropBroken throws away the trees that an earlier boot of the machine may have left
// half written, and those that are not used any more.
func (e *Engine) dropBroken(ctx context.Context) error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = nil // then no tree outlives a start of the server
	}
	file := filepath.Join(e.sources(), bootFile)
	if made, err := os.ReadFile(file); err == nil && len(boot) > 0 && string(made) == string(boot) {
		e.sweepSources(ctx, sourcesKept, sourcesFor)
		return nil
	}
	e.sweepSources(ctx, 0, 0)
	return os.WriteFile(file, boot, 0o600)
}

// sweepSources removes trees that no job uses, all but so many, and those that none
// has used for so long.
func (e *Engine) sweepSources(ctx context.Context, keep int, unused time.Duration) {
	entries, err := os.ReadDir(e.sources())
	if err != nil {
		zerolog.Ctx(ctx).Error().Err(err).Msg("looking for old sources")
		return
	}
	type tree struct {
		at   string
		used time.Time
	}
	var trees []tree
	for _, entry := range entries {
		name, isLock := strings.CutSuffix(entry.Name(), runner.SharedLock)
		if info, err := entry.Info(); isLock && err == nil {
			trees = append(trees, tree{filepath.Join(e.sources(), name), info.ModTime()})
		}
	}
	slices.SortFunc(trees, func(a, b tree) int { return cmp.Or(b.used.Compare(a.used), strings.Compare(a.at, b.at)) })
	for i, t := range trees {
		if i < keep && e.o.Now().Sub(t.used) < unused {
			continue
		}
		if err := runner.RemoveShared(t.at); err != nil {
			zerolog.Ctx(ctx).Error().Err(err).Msg("removing an old source")
		}
	}
}
