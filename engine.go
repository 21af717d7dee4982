package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/palantir/go-githubapp/githubapp"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/backend/local/toolchain"
	"github.com/lockkeeper/lockkeeper/prepare"
	"github.com/lockkeeper/lockkeeper/project"
	"github.com/lockkeeper/lockkeeper/pull"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/server/config"
)

// newEngine makes the engine that the config names.
func newEngine(ctx context.Context, cfg config.Config) (run.Backend, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding the own executable: %w", err)
	}
	binaries, err := toolchain.Find(ctx, toolchain.Options{Paths: cfg.Terraform.Binaries, Dir: filepath.Join(cfg.DataDir, "terraform")})
	if err != nil {
		return nil, err
	}
	return local.New(local.Options{
		Dir: filepath.Join(cfg.DataDir, "jobs"), Artifacts: filepath.Join(cfg.DataDir, "artifacts"),
		Executable: []string{executable, "runner"}, Terraform: binaries, Parallel: cfg.Limits.TerraformProcesses,
		Secrets: func(_ context.Context, env run.JobEnvironment, kind run.Kind) (map[string]string, error) {
			return cfg.Environments[env.Name].Resolve(string(kind), os.Getenv)
		},
		Pass: []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"},
		Now:  time.Now,
	})
}

func newPreparer(cfg config.Config, clients githubapp.ClientCreator, artifacts *artifact.Dir, index *project.Index, mirrors string) *prepare.Preparer {
	environments := prepare.Environments{Default: cfg.DefaultEnvironment, ByName: map[string]prepare.Environment{}}
	for name, env := range cfg.Environments {
		environments.ByName[name] = prepare.Environment{
			Job: run.JobEnvironment{Name: name}, BackendConfig: env.BackendConfig,
		}
	}
	return &prepare.Preparer{
		Client:  func(id int64) (*github.Client, error) { return clients.NewInstallationClient(id) },
		Token:   fetchToken(clients),
		Mirrors: &pull.Mirrors{Dir: mirrors}, Index: index,
		PutSource: func(ctx context.Context, archive io.Reader) (run.Artifact, error) {
			return artifacts.PutContent(ctx, "sources", archive)
		},
		Environments: environments,
		Limits:       run.JobLimits{Seconds: int(cfg.Limits.JobTimeout.Seconds()), PlanBytes: int64(cfg.Limits.PlanFileBytes)},
		MaxProjects:  cfg.Limits.ProjectsPerRun,
		Now:          time.Now,
	}
}
