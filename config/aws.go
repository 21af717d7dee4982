package config

import (
	"maps"
	"slices"
)

// AWS says where the aws engine's parts are: outputs of the stack
// deploy/aws/template.yaml.
type AWS struct {
	Region          string `yaml:"region"`
	Bucket          string `yaml:"bucket"`
	StateMachine    string `yaml:"state_machine"`     // ARN
	StatusQueue     string `yaml:"status_queue"`      // URL
	DeadLetterQueue string `yaml:"dead_letter_queue"` // URL
	PlanQueue       string `yaml:"plan_queue"`        // ARN of the Batch job queue
	ApplyQueue      string `yaml:"apply_queue"`       // ARN of the Batch job queue
	LogGroup        string `yaml:"log_group"`         // of the jobs
	PlanRoleID      string `yaml:"plan_role_id"`      // of the role of plans' containers
	ApplyRoleID     string `yaml:"apply_role_id"`     // of the role of applies' containers
	FunctionRoleID  string `yaml:"function_role_id"`  // of the function's role
}

var (
	isRegion  = atMost(32, `^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	isAccount = atMost(12, `^[0-9]{12}$`)
	isBucket  = atMost(63, `^[a-z0-9][a-z0-9.-]+[a-z0-9]$`)
	isMachine = atMost(200, `^arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+$`)
	isQueue   = atMost(512, `^https?://.+/[0-9]{12}/[A-Za-z0-9_-]+$`)
	isJobs    = atMost(256, `^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-queue/[A-Za-z0-9_-]+$`)
	isLog     = atMost(512, `^[A-Za-z0-9_/.#-]+$`)
	isRole    = atMost(640, `^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$`)
	isRoleID  = atMost(128, `^AROA[A-Z0-9]+$`)
	isSecret  = atMost(768, `^[A-Za-z0-9/_+=.@:-]+(#.+)?$`)
)

// engine checks what runs jobs and where their artifacts are.
func (v *validator) engine(c *Config) {
	v.check(c.Artifacts == "directory" || c.Artifacts == "s3", "artifacts", "must be directory, or s3 with engine: aws")
	switch c.Engine {
	case "local":
		v.check(c.Artifacts != "s3", "artifacts", "must be directory with engine: local")
		v.check(c.AWS == (AWS{}), "aws", "is for engine: aws; remove it, or set the engine")
	case "aws":
		v.check(c.Artifacts != "directory", "artifacts", "must be s3 with engine: aws, whose jobs have no other place in common with the server")
		v.check(c.AWS != (AWS{}), "aws", "is missing; it names the outputs of the stack (docs/aws.md)")
		if c.AWS != (AWS{}) {
			v.aws(c.AWS)
		}
	default:
		v.check(false, "engine", "must be local or aws")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		v.target("environments."+name, c.Environments[name], c.Engine)
	}
}

// aws checks the keys in the order in which the stack's outputs are copied.
func (v *validator) aws(a AWS) {
	const output = "of the stack (docs/aws.md)"
	v.check(isRegion(a.Region), "aws.region", "must be the stack's region, such as eu-west-1")
	v.check(isBucket(a.Bucket), "aws.bucket", "must be the output Bucket %s", output)
	v.check(isMachine(a.StateMachine), "aws.state_machine", "must be the output StateMachine %s, an ARN", output)
	v.check(isQueue(a.StatusQueue), "aws.status_queue", "must be the output StatusQueue %s, a URL", output)
	v.check(isQueue(a.DeadLetterQueue), "aws.dead_letter_queue", "must be the output StatusDeadLetterQueue %s, a URL", output)
	v.check(isJobs(a.PlanQueue), "aws.plan_queue", "must be the output PlanJobQueue %s, an ARN", output)
	v.check(isJobs(a.ApplyQueue), "aws.apply_queue", "must be the output ApplyJobQueue %s, an ARN", output)
	v.check(isLog(a.LogGroup), "aws.log_group", "must be the output JobLogGroup %s", output)
	v.check(isRoleID(a.PlanRoleID), "aws.plan_role_id", "must be the output PlanRoleId %s", output)
	v.check(isRoleID(a.ApplyRoleID), "aws.apply_role_id", "must be the output ApplyRoleId %s", output)
	v.check(isRoleID(a.FunctionRoleID), "aws.function_role_id", "must be the output FunctionRoleId %s", output)
}

// target checks what of an environment depends on the engine. A job in AWS has
// neither the server's environment nor its files.
func (v *validator) target(key string, e Environment, engine string) {
	for name, x := range e.Variables {
		at := key + ".variables." + name
		switch {
		case engine == "aws" && (x.Env != "" || x.File != ""):
			v.check(false, at, "comes from the server's environment or files, which jobs of the aws engine do not have: put it into Secrets Manager and name it with secret")
		case engine != "aws" && x.Secret != "":
			v.check(false, at+".secret", "is for engine: aws; use env or file")
		case x.Secret != "":
			v.check(isSecret(x.Secret), at+".secret", "must be the name or ARN of a secret, then #key for one key of a JSON object")
		}
	}
	for _, k := range []struct {
		name, value string
		is          func(string) bool
		must        string
	}{
		{"account", e.Account, isAccount, "an account id of 12 digits, in quotes"},
		{"region", e.Region, isRegion, "a region such as eu-west-1"},
		{"plan_role", e.PlanRole, isRole, "the ARN of a role"},
		{"apply_role", e.ApplyRole, isRole, "the ARN of a role"},
	} {
		if k.value == "" {
			continue
		}
		v.check(k.is(k.value), key+"."+k.name, "must be %s", k.must)
		v.check(engine == "aws", key+"."+k.name, "is for engine: aws; remove it")
	}
	v.check(!e.Lambda || engine == "aws", key+".lambda", "is for engine: aws; remove it")
}
