package app

import (
	"context"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/backend/local"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// apart is what people read of a property: what jobs are kept apart from.
var Apart = map[jail.Property]string{
	jail.Files:       "files of the machine",
	jail.Environment: "the memory and environment of other processes",
	jail.Signals:     "the signals, limits and priorities of other processes",
	jail.Lifetime:    "what runs after they have ended",
	jail.Limited:     "the rest of the machine's memory and processes",
}

// checkIsolation refuses to start where jobs cannot be kept apart as the config
// requires, and else says what is missing.
func checkIsolation(ctx context.Context, mode string) error {
	log := zerolog.Ctx(ctx)
	if mode == config.IsolationOff {
		log.Warn().Msg("isolation is off: every pull request that is planned may do here all that this server's user may")
		return nil
	}
	report, err := jail.Probe(ctx)
	if err != nil {
		return fmt.Errorf("finding out whether jobs can be kept apart from this machine (isolation: off does not ask): %w", err)
	}
	return judge(report, mode, func(missing string) { log.Warn().Msg(missing) })
}

// judge says what is missing, one sentence for each property: as an error where
// everything is required.
func judge(report jail.Report, mode string, warn func(missing string)) error {
	for _, f := range report.Missing() {
		missing := fmt.Sprintf("jobs are not kept apart from %s (%s). %s", Apart[f.Property], f.Property, f.Remedy)
		if mode == config.IsolationRequired {
			return fmt.Errorf("%s Or set isolation: best_effort in the config, and every plan says so", missing)
		}
		warn("isolation is best_effort, and " + missing)
	}
	return nil
}

// useCgroup is the control group in which each job has one of its own, empty where
// none was delegated to this server.
func useCgroup(ctx context.Context, mode string) string {
	if mode == config.IsolationOff { // a job could leave its group
		return ""
	}
	log := zerolog.Ctx(ctx)
	dir, err := jail.UseCgroup()
	if err != nil {
		log.Warn().Err(err).Msg("memory and processes of jobs are only watched")
	} else if dir != "" {
		log.Info().Str("cgroup", dir).Msg("memory and processes of jobs are limited by control groups")
	}
	return dir
}

// jobLimits are those of every job on this machine.
func jobLimits(l config.Limits) jail.Limits {
	return jail.Limits{Memory: int64(l.JobMemory), Processes: l.JobProcesses, Files: l.JobOpenFiles}
}

// directories finds what an environment shares with its jobs.
func directories(environments map[string]config.Environment) func(run.JobEnvironment) local.Directories {
	return func(env run.JobEnvironment) local.Directories {
		d := environments[env.Name].Directories
		return local.Directories{Read: d.Read, Write: d.Write}
	}
}
