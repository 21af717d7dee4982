package config

import "strings"

// mistakes are files with one mistake each, and what must be said.
var mistakes = []struct{ name, text, says string }{
	{"empty file", "", "data_dir: is missing"},
	{"not YAML", "a: [", "is not valid YAML"},
	{"a list", "- a", "must be a mapping of keys to values, not a list"},
	{"two documents", minimal + "---\nlisten: a", "more than one YAML document"},
	{"unknown key", minimal + "listn: a", "listn: is not a key; did you mean listen?"},
	{"unknown nested key", minimal + "log: {colour: red}", "log.colour: is not a key; the keys here are format, level"},
	{"unknown key that is like none", minimal + "colour: red", "colour: is not a key; the keys here are artifacts"},
	{"key twice", minimal + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2", "listen: is given twice"},
	{"secret in the file", strings.Replace(minimal, "secret}", "secret, webhook_secret: x}", 1), "github.webhook_secret: is not a key; did you mean webhook_secret_"},
	{"number as text", minimal + "listen: 8080", "listen: must be an address such as 127.0.0.1:8080"},
	{"text as number", "data_dir: d\ngithub: {app_id: one, private_key_file: key.pem, webhook_secret_file: secret}", "github.app_id: must be a whole number"},
	{"text as switch", minimal + "autoplan: {enabled: 'yes'}", "autoplan.enabled: must be true or false"},
	{"text as list", minimal + "repositories: a/b", "repositories: must be a list"},
	{"text as mapping", minimal + "limits: none", "limits: must be a mapping of keys to values, not text"},
	{"time without unit", minimal + "limits: {job_timeout: 30}", "limits.job_timeout: must be a time in hours, minutes or seconds such as 30m"},
	{"time too short", minimal + "limits: {job_timeout: 1s}", "limits.job_timeout: must be from 1m to 24h"},
	{"size without unit", minimal + "limits: {plan_file_bytes: 50}", "limits.plan_file_bytes: must be a size in KiB, MiB or GiB such as 50MiB"},
	{"size of another kind", minimal + "limits: {plan_file_bytes: 50MB}", "limits.plan_file_bytes: must be a size in KiB, MiB or GiB such as 50MiB"},
	{"size overflow", minimal + "limits: {plan_file_bytes: 999999999999GiB}", "limits.plan_file_bytes: must be a size in KiB, MiB or GiB such as 50MiB"},
	{"body over GitHub's", minimal + "limits: {webhook_body_bytes: 26MiB}", "must be from 1MiB to 25MiB"},
	{"no writes", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: secret, writes_per_minute: 0}", "github.writes_per_minute: must be from 20"},
	{"no processes", minimal + "limits: {terraform_processes: 0}", "limits.terraform_processes: must be from 1"},
	{"no projects", minimal + "limits: {projects_per_run: 0}", "limits.projects_per_run: must be from 1"},
	{"address", minimal + "listen: localhost", "listen: must be an address"},
	{"port of metrics", minimal + "metrics_listen: localhost:99999", "metrics_listen: must be another address than listen"},
	{"metrics where webhooks are", minimal + "metrics_listen: 127.0.0.1:8080", "metrics_listen: must be another address than listen"},
	{"no time to drain", minimal + "drain: 1s", "drain: must be from 1m to 24h"},
	{"draining another engine", minimal + onAWS("drain: 30m"), "drain: is for engine: local; remove it"},
	{"port", minimal + "listen: localhost:99999", "listen: must be an address"},
	{"URL with credentials", "data_dir: d\ngithub: {app_id: 1, api_url: 'https://u:p@a/', private_key_file: key.pem, webhook_secret_file: secret}", "github.api_url: must be a URL"},
	{"store", minimal + "store: mysql", "store: must be sqlite"},
	{"artifacts", minimal + "artifacts: ftp", "artifacts: must be directory"},
	{"engine", minimal + "engine: cloud", "engine: must be local"},
	{"artifacts of another engine", minimal + "artifacts: s3", "artifacts: must be directory with engine: local"},
	{"engine aws without its parts", minimal + "engine: aws\nartifacts: s3", "aws: is missing"},
	{"engine aws with a directory", minimal + onAWS("artifacts: directory"), "artifacts: must be s3 with engine: aws"},
	{"parts of another engine", minimal + "aws: {region: eu-west-1}", "aws: is for engine: aws"},
	{"status queue that is no URL", minimal + strings.Replace(onAWS(""), "https://sqs", "sqs", 1), "aws.status_queue: must be the output StatusQueue"},
	{"variable of the server with engine aws", minimal + onAWS(placed("")+"    variables: {A: {env: HOME}}"), "put it into Secrets Manager and name it with secret"},
	{"file of the server with engine aws", minimal + onAWS(placed("")+"    variables: {A: {file: secret}}"), "put it into Secrets Manager and name it with secret"},
	{"secret of AWS with engine local", minimal + "environments: {d: {variables: {A: {secret: lockkeeper/plan/a}}}}", "environments.d.variables.A.secret: is for engine: aws"},
	{"name of a secret", minimal + onAWS(placed("")+"    variables: {A: {secret: 'a b'}}"), "must be the name or ARN of a secret"},
	{"role with engine local", minimal + "environments: {d: {plan_role: 'arn:aws:iam::123456789012:role/r'}}", "environments.d.plan_role: is for engine: aws"},
	{"function with engine local", minimal + "environments: {d: {lambda: true}}", "environments.d.lambda: is for engine: aws"},
	{"functions for every environment", minimal + strings.Replace(onAWS(""), "aws:\n", "aws:\n  lambda: true\n", 1), "aws.lambda: is not a key; the keys here are"},
	{"environment that runs nowhere", minimal + onAWS("environments: {d: {account: '123456789012'}}"), "environments.d.aws: is missing; it names the outputs of the environment's stack"},
	{"place with engine local", minimal + placed(""), "environments.d.aws: is for engine: aws; remove it"},
	{"definition that is a name", minimal + onAWS(strings.Replace(placed(""), "plan_definition: arn:aws:batch:eu-west-1:123456789012:job-definition/", "plan_definition: ", 1)), "environments.d.aws.plan_definition: must be the output PlanJobDefinition"},
	{"definition of another account", minimal + onAWS(strings.Replace(placed(""), "apply_definition: arn:aws:batch:eu-west-1:123456789012:", "apply_definition: arn:aws:batch:eu-west-1:210987654321:", 1)), "environments.d.aws.apply_definition: must be the output ApplyJobDefinition of the environment's stack (docs/aws.md), an ARN of the account and region of aws.state_machine"},
	{"queue of another region", minimal + onAWS(placed("plan_queue: arn:aws:batch:us-east-1:123456789012:job-queue/plan")), "environments.d.aws.plan_queue: must be"},
	{"apply queue of another account", minimal + onAWS(placed("apply_queue: arn:aws:batch:eu-west-1:210987654321:job-queue/plan")), "environments.d.aws.apply_queue: must be"},
	{"role id that is a name", minimal + onAWS(strings.Replace(placed(""), "AROAEXAMPLEPLAN", "plan", 1)), "environments.d.aws.plan_role_id: must be the output PlanRoleId"},
	{"function without its role", minimal + onAWS(placed("function: lockkeeper_d_plan")), "environments.d.aws.function_role_id: must be the output FunctionRoleId"},
	{"lambda without a function", minimal + onAWS(strings.Replace(placed(""), "    aws:", "    lambda: true\n    aws:", 1)), "environments.d.aws.function: is missing, and lambda: true needs it"},
	{"machine that Fargate has not", minimal + onAWS(placed("vcpu: 1, memory: 16GiB")), "environments.d.aws.memory: must be, with vcpu, a pair that Fargate has"},
	{"memory without vCPUs", minimal + onAWS(placed("memory: 4GiB")), "environments.d.aws.memory: must be, with vcpu"},
	{"role that is no ARN", minimal + onAWS(placed("")+"    apply_role: r"), "environments.d.apply_role: must be the ARN of a role"},
	{"account that is none", minimal + onAWS(placed("")+"    account: '12'"), "environments.d.account: must be an account id of 12 digits"},
	{"repository", minimal + "repositories: [a/b, 'a/*', '*/b']", "repositories[2]: must be owner/name"},
	{"isolation", minimal + "isolation: maybe", "isolation: must be required, best_effort or off"},
	{"isolation as a switch", minimal + "isolation: false", "isolation: must be text"},
	{"isolation of another engine", minimal + onAWS("isolation: best_effort"), "isolation: is for engine: local; remove it"},
	{"memory of jobs of another engine", minimal + onAWS("limits: {job_memory: 1GiB}"), "limits.job_memory: is for engine: local; remove it"},
	{"memory of a job", minimal + "limits: {job_memory: 1MiB}", "limits.job_memory: must be from 256MiB to 1024GiB"},
	{"processes of a job", minimal + "limits: {job_processes: 1}", "limits.job_processes: must be from 64 to 65536"},
	{"open files of a job", minimal + "limits: {job_open_files: 3}", "limits.job_open_files: must be from 256 to 1048576"},
	{"disk of a job", minimal + "limits: {job_disk: 1KiB}", "limits.job_disk: must be from 100MiB to 1024GiB"},
	{"directory that is relative", sharing("read: [shared]"), "environments.d.directories.read[0]: must be an absolute path"},
	{"directory that is not there", sharing("write: [/gone]"), "environments.d.directories.write[0]: must be a directory on this machine"},
	{"directory that is everything", sharing("read: [/]"), "environments.d.directories.read[0]: must not be all of /"},
	{"directory of processes", sharing("read: [/proc/self]"), "environments.d.directories.read[0]: must not be in /proc"},
	{"directory of devices", sharing("write: [/dev/shm]"), "environments.d.directories.write[0]: must not be in /dev"},
	{"directory of the system", sharing("write: [/usr/share]"), "environments.d.directories.write[0]: is in /usr, which jobs must not reach"},
	{"directory of another engine", minimal + onAWS(placed("")+"    directories: {read: [/usr/share]}"), "environments.d.directories.read[0]: is for engine: local; remove it"},
	{"directory as text", sharing("read: /srv"), "environments.d.directories.read: must be a list"},
	{"repository in a mapping", minimal + "repositories: [{name: '*/b'}]", "repositories[0].name: must be owner/name"},
	{"repository without a name", minimal + "repositories: [{branches: [main]}]", "repositories[0]: must be owner/name"},
	{"repository twice", minimal + "repositories: [a/b, {name: A/B, branches: [main]}]", "repositories[1].name: stands there twice"},
	{"unknown key of a repository", minimal + "repositories: [{name: a/b, branch: main}]", "repositories[0].branch: is not a key; did you mean branches?"},
	{"unknown source", minimal + "repositories: [{name: a/b, source: all}]", "repositories[0].source: must be commit or reach"},
	{"a submodule that is no repository", minimal + "repositories: [{name: a/b, submodules: [a/c, '../c']}]", "repositories[0].submodules[1]: must be owner/name or owner/*"},
	{"submodules of everybody", minimal + "repositories: [{name: a/b, submodules: ['*/*']}]", "repositories[0].submodules[0]: must be owner/name or owner/*"},
	{"submodules without saying which", minimal + "repositories: [{name: a/b, submodules: true}]", "repositories[0].submodules: must be a list"},
	{"no branches", minimal + "branches: []", "branches: names no branch"},
	{"one branch as text", minimal + "branches: main", "branches: must be a list"},
	{"a ref", minimal + "branches: [refs/heads/main]", "branches[0]: must be the name of a branch without refs/heads/"},
	{"a branch that crosses slashes", minimal + "branches: ['release/**']", "branches[0]: must be a branch such as main, or a pattern"},
	{"a branch that cannot be", minimal + "branches: [a..b]", "branches[0]: must be a branch such as main, or a pattern"},
	{"an empty branch", minimal + "repositories: [{name: a/b, branches: ['']}]", "repositories[0].branches[0]: must be a branch such as main"},
	{"a pattern that is none", minimal + "branches: ['[a']", "branches[0]: must be a branch such as main, or a pattern"},
	{"no App", "data_dir: d\ngithub: {private_key_file: key.pem, webhook_secret_file: secret}", "github.app_id: is missing"},
	{"no private key", "data_dir: d\ngithub: {app_id: 1, webhook_secret_file: secret}", "github.private_key_file: is missing"},
	{"private key of junk", "data_dir: d\ngithub: {app_id: 1, private_key_file: secret, webhook_secret_file: secret}", "does not hold the PEM file"},
	{"no secret", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem}", "github.webhook_secret_file: is missing"},
	{"secret of 31 bytes", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: short}", "holds a secret of 31 bytes"},
	{"empty secret", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: empty}", "names an empty file"},
	{"secret file that is not there", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: gone}", "github.webhook_secret_file: cannot be used"},
	{"secret variable that is not set", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_env: GONE}", `"GONE", which is not set`},
	{"secret twice", "data_dir: d\ngithub: {app_id: 1, private_key_file: key.pem, webhook_secret_file: secret, webhook_secret_env: X}", "stands beside github.webhook_secret_file"},
	{"secret in a file and in AWS", strings.Replace(minimal, "secret}", "secret, webhook_secret_aws: secret}", 1), "github.webhook_secret_aws: stands beside github.webhook_secret_file"},
	{"secret of AWS that is not there", strings.Replace(minimal, "file: secret}", "aws: gone}", 1), `github.webhook_secret_aws: cannot be used: "gone" is not there`},
	{"secret of AWS that is short", strings.Replace(minimal, "file: secret}", "aws: short}", 1), "github.webhook_secret_aws: holds a secret of 31 bytes"},
	{"secret of AWS that is empty", strings.Replace(minimal, "file: secret}", "aws: empty}", 1), "github.webhook_secret_aws: names an empty secret"},
	{"secret of AWS without a name", strings.Replace(minimal, "file: secret}", "aws: 'a b'}", 1), "github.webhook_secret_aws: must be the name or ARN of a secret"},
	{"previous secret too short", strings.Replace(minimal, "secret}", "secret, previous_webhook_secret_file: short}", 1), "github.previous_webhook_secret_file: holds a secret of 31 bytes"},
	{"terraform binary that is no program", minimal + "terraform: {binaries: [terraform-1.11.4, secret]}", "terraform.binaries[1]: must be the path of a program"},
	{"terraform binary that is not there", minimal + "terraform: {binaries: [gone]}", "terraform.binaries[0]: must be the path of a program"},
	{"terraform binary without a name", minimal + "terraform: {binaries: ['']}", "terraform.binaries[0]: must be the path of a program"},
	{"level", minimal + "log: {level: loud}", "log.level: must be"},
	{"format", minimal + "log: {format: xml}", "log.format: must be json or console"},
	{"default environment", minimal + "default_environment: dev", "default_environment: is not one of environments"},
	{"environment name", minimal + "environments: {'a b': {}}", "environments.a b: must be a name"},
	{"variable name", minimal + "environments: {d: {variables: {a-b: {value: x}}}}", "must be the name of an environment variable"},
	{"variable of the job", minimal + "environments: {d: {variables: {TF_CLI_ARGS: {value: x}}}}", "is set by the server for each job"},
	{"variable without source", minimal + "environments: {d: {variables: {A: {for: plan}}}}", "needs exactly one of env, file, secret and value"},
	{"variable with two sources", minimal + "environments: {d: {variables: {A: {env: B, value: x}}}}", "needs exactly one of env, file, secret and value"},
	{"variable for nobody", minimal + "environments: {d: {variables: {A: {value: x, for: me}}}}", "environments.d.variables.A.for: must be plan, apply or both"},
	{"key of artifacts of junk", minimal + "encryption_key_file: secret", "encryption_key_file: does not hold 1 to 16 keys as age-keygen writes them"},
	{"key of artifacts that only encrypts", minimal + "encryption_key_aws: age-recipient", "encryption_key_aws: does not hold 1 to 16 keys as age-keygen writes them"},
	{"key of artifacts beside them", minimal + "encryption_key_file: data/age-key", "encryption_key_file: names a file in data_dir"},
	{"key of artifacts that is empty", minimal + "encryption_key_file: empty", "encryption_key_file: names an empty file"},
	{"key of artifacts that is not set", minimal + "encryption_key_env: GONE", `"GONE", which is not set`},
	{"key of artifacts twice", minimal + "encryption_key_file: age-key\nencryption_key_aws: age-key", "encryption_key_aws: stands beside encryption_key_file"},
	{"key of artifacts in S3", minimal + onAWS("encryption_key_file: age-key"), "encryption_key_file: is for artifacts: directory; in S3 the bucket encrypts"},
	{"variable that is not set", minimal + "environments: {d: {variables: {A: {env: GONE}}}}", "environment variable GONE of the server is not set"},
	{"placeholder", minimal + "environments: {d: {backend_config: {key: '{branch}/x'}}}", "holds a placeholder that is none of"},
	{"approvals below none", inPolicy("approvals: -1"), "environments.d.policy.approvals: must be from 0 to 20"},
	{"approvals of a crowd", inPolicy("approvals: 21"), "environments.d.policy.approvals: must be from 0 to 20"},
	{"approvals as text", inPolicy("approvals: two"), "environments.d.policy.approvals: must be a whole number"},
	{"protected approvals", inPolicy("protected_approvals: -1"), "environments.d.policy.protected_approvals: must be from 0 to 20"},
	{"current", inPolicy("current: Strict"), "environments.d.policy.current: must be strict, project or off"},
	{"approval of", inPolicy("approval_of: Commit"), "environments.d.policy.approval_of: must be plan or commit"},
	{"new projects", inPolicy("new_projects: yes please"), "environments.d.policy.new_projects: must be none, plan or apply"},
	{"new projects as a switch", inPolicy("new_projects: true"), "environments.d.policy.new_projects: must be text"},
	{"current as a switch", inPolicy("current: false"), "environments.d.policy.current: must be text"},
	{"nobody may plan", inPolicy("plan: []"), "environments.d.policy.plan: is empty: list a user or team, or remove the key"},
	{"nobody may apply", inPolicy("apply: []"), "environments.d.policy.apply: is empty: list a user or team, or remove the key"},
	{"apply without a value", inPolicy("apply: "), "environments.d.policy.apply: is empty: list a user or team, or remove the key"},
	{"apply as a switch", inPolicy("apply: false"), "environments.d.policy.apply: must be a list"},
	{"nobody may approve", inPolicy("approved_by: []"), "environments.d.policy.approved_by: is empty"},
	{"an e-mail address may approve", inPolicy("approved_by: [org/team, ana@example.com]"), "environments.d.policy.approved_by[1]: must be a login such as ana or a team such as org/team"},
	{"a login with a space", inPolicy("unlock: ['ana b']"), "environments.d.policy.unlock[0]: must be a login"},
	{"a team of a team", inPolicy("override: [org/team/more]"), "environments.d.policy.override[0]: must be a login"},
	{"own check", inPolicy("required_checks: [build, lockkeeper/apply]"), "environments.d.policy.required_checks[1]: is a check of Lockkeeper's own"},
	{"check without a name", inPolicy("required_checks: ['']"), "environments.d.policy.required_checks[0]: must be the name of a check"},
	{"pattern", inPolicy("protected_resource_types: ['aws_[db']"), "environments.d.policy.protected_resource_types[0]: must be a resource type or a pattern"},
	{"pattern of nothing", inPolicy("protected_resource_types: ['']"), "environments.d.policy.protected_resource_types[0]: must be a resource type or a pattern"},
	{"plan age", inPolicy("max_plan_age: 1d"), "environments.d.policy.max_plan_age: must be a time in hours or minutes such as 72h, or never"},
	{"plan age of nothing", inPolicy("max_plan_age: 0s"), "environments.d.policy.max_plan_age: must be a time in hours or minutes such as 72h, or never"},
	{"plan age too short", inPolicy("max_plan_age: 30s"), "environments.d.policy.max_plan_age: must be from 1m to 8760h, or never"},
	{"unknown rule", inPolicy("aprovals: 1"), "environments.d.policy.aprovals: is not a key; did you mean approvals?"},
	{"locks at merge", minimal + "locks: {at: merge}", "locks.at: must be plan or apply"},
	{"locks that expire at once", minimal + "locks: {expire_after: 5m, warn_before: 1m}", "locks.expire_after: must be from 1h to 8760h, or never"},
	{"locks that expire sometime", minimal + "locks: {expire_after: sometime}", "locks.expire_after: must be a time in hours or minutes such as 72h, or never"},
	{"warning before the lock", minimal + "locks: {expire_after: 12h}", "locks.warn_before: is 24h0m0s, and must be shorter than locks.expire_after"},
	{"warning too late", minimal + "locks: {warn_before: 1s}", "locks.warn_before: must be at least 1m"},
	{"merge method", minimal + "automerge: {enabled: true, method: fast-forward}", "automerge.method: must be merge, squash or rebase"},
	{"rules of two places", minimal + "plan_policy: {dir: policy, server_dir: .}", "plan_policy.server_dir: stands beside plan_policy.dir; keep one of them"},
	{"rules outside", minimal + "plan_policy: {dir: ../policy}", "plan_policy.dir: must be a directory of the repository"},
	{"rules of this machine", minimal + "plan_policy: {dir: /etc/policy}", "for one of this machine use plan_policy.server_dir"},
	{"rules that are not there", minimal + "plan_policy: {server_dir: gone}", "plan_policy.server_dir: must be a directory on this machine"},
	{"terraform variable twice", minimal + "environments: {d: {variables: {TF_VAR_a: {value: x}}, terraform_variables: {a: y}}}", "is also TF_VAR_a of variables"},
}

// sharing is a file whose one environment names directories.
func sharing(directories string) string {
	return minimal + "environments:\n  d:\n    directories:\n      " + directories + "\n"
}

// inPolicy is a file whose one environment has a rule.
func inPolicy(rule string) string {
	return minimal + "environments:\n  d:\n    policy:\n      " + rule + "\n"
}

// placed is an environment whose jobs have a place, and more about that.
func placed(more string) string {
	return `environments:
  d:
    aws: {
      plan_definition: arn:aws:batch:eu-west-1:123456789012:job-definition/lockkeeper_d_plan,
      apply_definition: arn:aws:batch:eu-west-1:123456789012:job-definition/lockkeeper_d_apply,
      plan_role_id: AROAEXAMPLEPLAN, apply_role_id: AROAEXAMPLEAPPLY, ` + more + `}
`
}

// onAWS is a valid config of the aws engine, and more of it; artifacts may be
// another one.
func onAWS(more string) string {
	if !strings.HasPrefix(more, "artifacts:") {
		more = "artifacts: s3\n" + more
	}
	return `engine: aws
aws:
  region: eu-west-1
  bucket: lockkeeper-123456789012-eu-west-1
  state_machine: arn:aws:states:eu-west-1:123456789012:stateMachine:lockkeeper-job
  status_queue: https://sqs.eu-west-1.amazonaws.com/123456789012/lockkeeper-status
  dead_letter_queue: https://sqs.eu-west-1.amazonaws.com/123456789012/lockkeeper-status-dead
  plan_queue: arn:aws:batch:eu-west-1:123456789012:job-queue/lockkeeper-plan
  apply_queue: arn:aws:batch:eu-west-1:123456789012:job-queue/lockkeeper-apply
  log_group: /lockkeeper/jobs
` + more + "\n"
}
