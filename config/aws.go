package config

import (
	"maps"
	"slices"
	"strings"
)

// AWS says where the aws engine's parts are: outputs of the stacks of
// deploy/aws/base.yaml and engine.yaml.
type AWS struct {
	Region          string `yaml:"region"`
	Bucket          string `yaml:"bucket"`
	StateMachine    string `yaml:"state_machine"`     // ARN
	StatusQueue     string `yaml:"status_queue"`      // URL
	DeadLetterQueue string `yaml:"dead_letter_queue"` // URL
	PlanQueue       string `yaml:"plan_queue"`        // ARN of the Batch job queue
	ApplyQueue      string `yaml:"apply_queue"`       // ARN of the Batch job queue
	LogGroup        string `yaml:"log_group"`         // of the jobs
}

// EnvironmentAWS says where the aws engine runs the jobs of an environment, and who
// they are: outputs of a stack of deploy/aws/environment.yaml.
type EnvironmentAWS struct {
	PlanDefinition  string `yaml:"plan_definition"`  // ARN of the Batch job definition
	ApplyDefinition string `yaml:"apply_definition"` // ARN of the Batch job definition
	PlanRoleID      string `yaml:"plan_role_id"`     // of the role of plans' containers
	ApplyRoleID     string `yaml:"apply_role_id"`    // of the role of applies' containers
	Function        string `yaml:"function"`         // of plans, by name; may be empty
	FunctionRoleID  string `yaml:"function_role_id"` // of the function's role
	PlanQueue       string `yaml:"plan_queue"`       // ARN of the Batch job queue; empty: that of AWS
	ApplyQueue      string `yaml:"apply_queue"`      // ARN of the Batch job queue; empty: that of AWS
	VCPU            int    `yaml:"vcpu"`             // of a job; 0 with Memory: as the definition has it
	Memory          Size   `yaml:"memory"`           // of a job
}

var (
	isRegion  = atMost(32, `^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$`)
	isAccount = atMost(12, `^[0-9]{12}$`)
	isBucket  = atMost(63, `^[a-z0-9][a-z0-9.-]+[a-z0-9]$`)
	isMachine = atMost(200, `^arn:aws[a-z-]*:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[A-Za-z0-9_-]+$`)
	isQueue   = atMost(512, `^https?://.+/[0-9]{12}/[A-Za-z0-9_-]+$`)
	isJobs    = atMost(256, `^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-queue/[A-Za-z0-9_-]+$`)
	isJob     = atMost(256, `^arn:aws[a-z-]*:batch:[a-z0-9-]+:[0-9]{12}:job-definition/[A-Za-z0-9_-]+(:[0-9]+)?$`)
	isLambda  = atMost(64, `^[A-Za-z0-9_-]+$`)
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
		v.place("environments."+name+".aws", c.Environments[name], c)
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
}

// place checks where the jobs of an environment run. All of it is in the account and
// the region of the state machine, which could submit to no other.
func (v *validator) place(key string, e Environment, c *Config) {
	a := e.AWS
	if c.Engine != "aws" {
		v.check(a == (EnvironmentAWS{}), key, "is for engine: aws; remove it")
		return
	}
	const output = "of the environment's stack (docs/aws.md)"
	if v.check(a != (EnvironmentAWS{}), key, "is missing; it names the outputs %s", output); a == (EnvironmentAWS{}) {
		return
	}
	near := func(arn string) bool { return arnPlace(arn) == arnPlace(c.AWS.StateMachine) }
	v.check(isJob(a.PlanDefinition) && near(a.PlanDefinition), key+".plan_definition", "must be the output PlanJobDefinition %s, an ARN of the account and region of aws.state_machine", output)
	v.check(isJob(a.ApplyDefinition) && near(a.ApplyDefinition), key+".apply_definition", "must be the output ApplyJobDefinition %s, an ARN of the account and region of aws.state_machine", output)
	v.check(isRoleID(a.PlanRoleID), key+".plan_role_id", "must be the output PlanRoleId %s", output)
	v.check(isRoleID(a.ApplyRoleID), key+".apply_role_id", "must be the output ApplyRoleId %s", output)
	v.check(a.PlanQueue == "" || isJobs(a.PlanQueue) && near(a.PlanQueue), key+".plan_queue", "must be the output OwnPlanJobQueue %s, an ARN of the account and region of aws.state_machine", output)
	v.check(a.ApplyQueue == "" || isJobs(a.ApplyQueue) && near(a.ApplyQueue), key+".apply_queue", "must be the output OwnApplyJobQueue %s, an ARN of the account and region of aws.state_machine", output)
	v.check(a.Function == "" || isLambda(a.Function), key+".function", "must be the output PlanFunction %s", output)
	v.check((a.Function == "") == (a.FunctionRoleID == "") && (a.FunctionRoleID == "" || isRoleID(a.FunctionRoleID)), key+".function_role_id", "must be the output FunctionRoleId %s, and goes with function", output)
	v.check(!e.Lambda || a.Function != "", key+".function", "is missing, and lambda: true needs it: deploy the environment's stack with Function=true")
	v.check(a.VCPU == 0 && a.Memory == 0 || onFargate(a.VCPU, a.Memory), key+".memory", "must be, with vcpu, a pair that Fargate has: 2GiB to 8GiB for 1, 4GiB to 16GiB for 2, 8GiB to 30GiB for 4, 16GiB to 60GiB for 8")
}

// arnPlace is region and account of an ARN.
func arnPlace(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) < 6 {
		return ""
	}
	return parts[3] + ":" + parts[4]
}

// onFargate reports whether Fargate has machines of this size (Amazon ECS developer
// guide, "Task CPU and memory").
func onFargate(vcpu int, memory Size) bool {
	const gib = 1 << 30
	least, most, step := map[int]Size{1: 2, 2: 4, 4: 8, 8: 16}[vcpu], map[int]Size{1: 8, 2: 16, 4: 30, 8: 60}[vcpu], Size(1)
	if vcpu == 8 {
		step = 4
	}
	return least > 0 && memory%(step*gib) == 0 && memory >= least*gib && memory <= most*gib
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
