// Package toolchain finds the terraform and tofu binaries of this machine.
//
// Its place in the flow: the server builds one Toolchain when it starts; the
// local engine asks it for the binary of each job. It is a package of its own
// so that the runner process, which starts for every job, does not carry it.
package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hc-install/product"
	"github.com/hashicorp/hc-install/releases"
	"github.com/rs/zerolog"
)

// Pinned is the Terraform version that is fetched when the machine has none.
const Pinned = "1.11.4"

// minimum is the oldest version that runs here. Older ones can be made to write
// files anywhere during init (CVE-2023-4782, fixed in 1.5.7); the first OpenTofu
// release, 1.6.0, came after it.
const minimum = "1.5.7"

// Binary is one program whose version was read.
type Binary struct {
	Path    string // absolute
	Product string // Terraform or OpenTofu
	Version string // such as 1.11.4
}

// String is what people call it, such as "Terraform 1.11.4".
func (b Binary) String() string { return b.Product + " " + b.Version }

// Options say where to look.
type Options struct {
	// Paths are binaries to use, the default first. None means terraform and
	// tofu on the PATH, in this order.
	Paths []string
	// Dir is where a fetched Terraform is kept when there is no binary at all;
	// empty never fetches.
	Dir string
}

// Toolchain is the set of binaries found at one moment. It does not change;
// any number of goroutines may use it.
type Toolchain struct {
	binaries []Binary // the default first
}

// Find looks for binaries and asks each for its version, once. The error is a
// sentence for the person who starts the server.
func Find(ctx context.Context, o Options) (*Toolchain, error) {
	paths := o.Paths
	if len(paths) == 0 {
		for _, name := range []string{"terraform", "tofu"} {
			if p, err := exec.LookPath(name); err == nil {
				paths = append(paths, p)
			}
		}
	}
	if len(paths) == 0 {
		p, err := fetch(ctx, o.Dir)
		if err != nil {
			return nil, fmt.Errorf("no terraform and no tofu on the PATH: install one of them, or name it in the server's configuration (%w)", err)
		}
		paths = []string{p}
	}
	t := &Toolchain{}
	for _, p := range paths {
		b, err := Ask(ctx, p)
		if err != nil {
			return nil, err
		}
		t.binaries = append(t.binaries, b)
	}
	return t, nil
}

// fetch downloads the pinned Terraform with its checksum and signature checked,
// unless an earlier start already did.
func fetch(ctx context.Context, dir string) (string, error) {
	if dir == "" {
		return "", errors.New("fetching it is switched off")
	}
	have := filepath.Join(dir, product.Terraform.BinaryName())
	if b, err := Ask(ctx, have); err == nil && b.Version == Pinned {
		return have, openUp(dir, have)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a directory for Terraform: %w", err)
	}
	zerolog.Ctx(ctx).Info().Str("version", Pinned).Msg("fetching terraform")
	install := &releases.ExactVersion{
		Product: product.Terraform, Version: version.Must(version.NewVersion(Pinned)),
		InstallDir: dir, Timeout: 5 * time.Minute,
	}
	path, err := install.Install(ctx)
	if err != nil {
		return "", fmt.Errorf("fetching Terraform %s: %w", Pinned, err)
	}
	return path, openUp(dir, path)
}

// openUp lets everybody execute the program who comes as far as its directory: a
// job may run under a user of its own, and the library lets nobody but this one.
func openUp(dir, path string) error {
	if err := errors.Join(os.Chmod(dir, 0o711), os.Chmod(path, 0o755)); err != nil {
		return fmt.Errorf("letting jobs execute Terraform: %w", err)
	}
	return nil
}

// Ask runs a binary once to learn what it is. Too old ones are an error.
func Ask(ctx context.Context, path string) (Binary, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Binary{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	text := exec.CommandContext(ctx, path, "version")
	text.Env = []string{"CHECKPOINT_DISABLE=1", "HOME=" + filepath.Dir(path), "TF_CLI_CONFIG_FILE=/dev/null"}
	out, err := text.Output()
	if err != nil {
		return Binary{}, fmt.Errorf("asking %s for its version: %w", path, err)
	}
	b, err := parseVersion(string(out))
	if err != nil {
		return Binary{}, fmt.Errorf("asking %s for its version: %w", path, err)
	}
	b.Path = path
	return b, b.acceptable()
}
