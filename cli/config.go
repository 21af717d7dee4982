package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/config"
)

// LoadConfig reads the server's config and names every mistake in it.
func LoadConfig(ctx context.Context, file string) (config.Config, error) {
	cfg, err := config.Load(file, config.Sources{Env: os.Getenv, AWS: app.StoredSecrets(ctx)})
	if problems, ok := errors.AsType[config.Problems](err); ok {
		return cfg, mistakes(len(problems), problems, "start again; docs/server-config.md explains every key.")
	}
	if err != nil {
		return cfg, fmt.Errorf("%w; docs/install.md shows how to write one", err)
	}
	return cfg, nil
}

// mistakes is the error of a command that found n of them in files that people
// write: one per line, and what to do when they are fixed.
func mistakes(n int, list error, then string) error {
	them := "them"
	if n == 1 {
		them = "it"
	}
	return fmt.Errorf("%s:\n\n%w\n\nFix %s and %s", count(n, "mistake"), list, them, then)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
