package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/lockkeeper/lockkeeper/artifact/bucket"
	"github.com/lockkeeper/lockkeeper/backend/aws"
	"github.com/lockkeeper/lockkeeper/config"
	"github.com/lockkeeper/lockkeeper/report"
	"github.com/lockkeeper/lockkeeper/run"
)

// AWSConfig finds the server's credentials as every AWS program does.
func AWSConfig(ctx context.Context, region string) (sdk.Config, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region))
	if err != nil {
		return cfg, fmt.Errorf("finding the server's AWS credentials: %w", err)
	}
	return aws.Impatient(cfg), nil
}

// StoredSecrets reads the server's own secrets from AWS Secrets Manager.
func StoredSecrets(ctx context.Context) func(region, name string) (string, error) {
	return func(region, name string) (string, error) {
		cfg, err := AWSConfig(ctx, region)
		if err != nil {
			return "", err
		}
		return aws.ReadSecret(ctx, cfg, name)
	}
}

func openBucket(ctx context.Context, c config.AWS) (*bucket.Bucket, error) {
	cfg, err := AWSConfig(ctx, c.Region)
	if err != nil {
		return nil, err
	}
	return &bucket.Bucket{Client: bucket.NewClient(cfg), Name: c.Bucket}, nil
}

func AWSOptions(cfg sdk.Config, c config.Config) aws.Options {
	a := c.AWS
	return aws.Options{
		Config: cfg, StateMachine: a.StateMachine, Bucket: a.Bucket, StatusQueue: a.StatusQueue, DeadLetters: a.DeadLetterQueue,
		LogGroup: a.LogGroup, Lambda: InFunction(c.Environments), Environments: places(c),
	}
}

// places are where the jobs of each environment run.
func places(c config.Config) map[string]aws.Environment {
	out := map[string]aws.Environment{}
	for name, env := range c.Environments {
		a := env.AWS
		out[name] = aws.Environment{
			Account: env.Account, PlanQueue: cmp.Or(a.PlanQueue, c.AWS.PlanQueue), ApplyQueue: cmp.Or(a.ApplyQueue, c.AWS.ApplyQueue),
			PlanDefinition: a.PlanDefinition, ApplyDefinition: a.ApplyDefinition, Function: a.Function,
			PlanRoleID: a.PlanRoleID, ApplyRoleID: a.ApplyRoleID, FunctionRoleID: a.FunctionRoleID, VCPU: a.VCPU, Memory: int(a.Memory >> 20),
		}
	}
	return out
}

// InFunction reports whose plans run in a Lambda function: those of environments
// that say so. It is nil when none does.
func InFunction(environments map[string]config.Environment) func(run.JobDocument) bool {
	for _, env := range environments {
		if env.Lambda {
			return func(doc run.JobDocument) bool { return environments[doc.Environment.Name].Lambda }
		}
	}
	return nil
}

func newAWSEngine(ctx context.Context, c config.Config, runs interface {
	ActiveRuns(context.Context) ([]run.Run, error)
}) (run.Backend, error) {
	cfg, err := AWSConfig(ctx, c.AWS.Region)
	if err != nil {
		return nil, err
	}
	o := AWSOptions(cfg, c)
	o.Open = func(ctx context.Context) ([]run.JobDocument, error) {
		active, err := runs.ActiveRuns(ctx)
		return openJobs(active), err
	}
	return aws.New(o), nil
}

// openJobs are the jobs whose end the runs wait for.
func openJobs(active []run.Run) (open []run.JobDocument) {
	for _, r := range active {
		for _, j := range r.Jobs {
			if !j.State.Final() {
				open = append(open, j.Document)
			}
		}
	}
	return open
}

// jobEnvironment is what a job document says about its target. The local engine
// finds the variables itself; jobs of the other one get plain values, and names
// of secrets.
func jobEnvironment(engine, name string, env config.Environment) run.JobEnvironment {
	out := run.JobEnvironment{Name: name}
	if engine != "aws" {
		return out
	}
	out.Account, out.Region, out.PlanRole, out.ApplyRole = env.Account, env.Region, env.PlanRole, env.ApplyRole
	for _, name := range slices.Sorted(maps.Keys(env.TerraformVariables)) {
		out.Variables = append(out.Variables, run.JobVariable{Name: "TF_VAR_" + name, Value: env.TerraformVariables[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(env.Variables)) {
		v := env.Variables[name]
		x := run.JobVariable{Name: name, Value: v.Value, Secret: v.Secret}
		if v.For != "both" {
			x.For = v.For
		}
		out.Variables = append(out.Variables, x)
	}
	return out
}

// status answers /status, and says when messages of the engine were not
// understood.
func status(ctx context.Context, engine run.Backend) func(run.Subject, []run.Run, run.Locks, time.Time) string {
	dead, counts := engine.(interface {
		DeadLetters(context.Context) (string, error)
	})
	if !counts {
		return report.Status
	}
	return func(h run.Subject, runs []run.Run, locks run.Locks, now time.Time) string {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		text := report.Status(h, runs, locks, now)
		switch n, err := dead.DeadLetters(ctx); {
		case err != nil:
			return text + "\nThe queue of status messages cannot be read: your Lockkeeper administrator finds the reason with `lockkeeper doctor aws`.\n"
		case n != "0":
			return text + "\nStatus messages that could not be acted on: " + n + ". Your Lockkeeper administrator finds them in the dead letter queue.\n"
		}
		return text
	}
}
