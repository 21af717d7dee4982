package github

import (
	"fmt"
	"net/http"
	"slices"
)

const (
	deploymentsRead  = "deployments=read"
	deploymentsWrite = "deployments=write"
)

func (d *Double) deploymentRoutes() []route {
	const all = "/repos/{owner}/{repo}/deployments"
	const one = all + "/{deployment_id}"
	return []route{
		{operation: "GET " + all, needs: needs(deploymentsRead), handle: d.listDeployments},
		{operation: "POST " + all, needs: needs(deploymentsWrite), handle: d.createDeployment},
		{operation: "GET " + one, needs: needs(deploymentsRead), handle: d.getDeployment},
		{operation: "DELETE " + one, needs: needs(deploymentsWrite), handle: d.deleteDeployment},
		{operation: "GET " + one + "/statuses", needs: needs(deploymentsRead), handle: d.listDeploymentStatuses},
		{operation: "POST " + one + "/statuses", needs: needs(deploymentsWrite), handle: d.createDeploymentStatus},
		{operation: "GET " + one + "/statuses/{status_id}", needs: needs(deploymentsRead), handle: d.getDeploymentStatus},
	}
}

// deploymentInput is the body of creating a deployment; see https://docs.github.com/rest/deployments/deployments.
type deploymentInput struct {
	Ref, Task, Environment string
	AutoMerge              *bool     `json:"auto_merge"`        // default true
	RequiredContexts       *[]string `json:"required_contexts"` // default: all contexts that reported
	Payload                any
	Description            *string
	Transient              bool  `json:"transient_environment"`
	Production             *bool `json:"production_environment"`
}

func (d *Double) createDeployment(c *call) (answer, error) {
	var in deploymentInput
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if in.Environment == "" {
		in.Environment = "production"
	}
	if in.Task == "" {
		in.Task = "deploy"
	}
	if in.Payload == nil {
		in.Payload = ""
	}
	sha, err := d.resolve(c.repo, in.Ref)
	if err != nil || in.Ref == "" {
		return answer{}, errUnprocessable("No ref found for: %s", in.Ref)
	}
	if in.AutoMerge == nil || *in.AutoMerge {
		if merged, err := d.autoMerge(c, in.Ref, sha); err != nil || merged.status != 0 {
			return merged, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if missing := c.repo.unmetContexts(sha, in.RequiredContexts); len(missing) > 0 {
		return answer{}, &Error{
			Status: http.StatusConflict, Message: "Conflict: Commit status checks failed for " + in.Ref + ".",
			Errors: []any{object{"contexts": missing, "resource": "Deployment", "field": "required_contexts", "code": "invalid"}},
		}
	}
	x := &deployment{
		id: d.id(), repo: c.repo, creator: c.by.account, app: c.by.app, sha: sha, ref: in.Ref, task: in.Task, environment: in.Environment,
		description: in.Description, payload: in.Payload, transient: in.Transient, created: d.now(), updated: d.now(),
		production: in.Production != nil && *in.Production || in.Production == nil && in.Environment == "production",
	}
	c.repo.deployments = append(c.repo.deployments, x)
	d.feed.changed()
	d.emit("deployment", c.repo, c.by, object{"action": "created", "deployment": d.hookDeploymentJSON(x), "workflow": nil, "workflow_run": nil})
	return created(d.deploymentJSON(x))
}

// autoMerge does what surprises everybody once: it merges the default branch into a branch that is behind and answers
// 202 without a deployment.
func (d *Double) autoMerge(c *call, ref, sha string) (answer, error) {
	d.mu.Lock()
	branch, base := c.repo.branch(ref), c.repo.branch(c.repo.defaultBranch)
	d.mu.Unlock()
	if branch == "" || base == "" {
		return answer{}, nil
	}
	x, err := c.repo.git.compare(base, sha)
	if err != nil || x.behind == 0 {
		return answer{}, err
	}
	merged, err := c.repo.git.mergeCommit("merge", sha, base, "Merge "+c.repo.defaultBranch+" into "+ref, personSignature(c.by.account.login, d.now()))
	if err != nil {
		return answer{}, &Error{Status: http.StatusConflict, Message: "Conflict merging " + c.repo.defaultBranch + " into " + ref + "."}
	}
	err = d.pushRef(c, "refs/heads/"+ref, merged, func(string) error { return nil })
	message := fmt.Sprintf("Auto-merged %s into %s on deployment.", c.repo.defaultBranch, ref)
	return answer{status: http.StatusAccepted, body: object{"message": message}}, err
}

// unmetContexts lists the checks that are not green, of those required; nil requires all that reported.
func (r *repository) unmetContexts(sha string, required *[]string) []object {
	states := map[string]string{}
	for _, suite := range r.suitesOf(sha) {
		for _, run := range suite.latest() {
			states[run.name] = "pending"
			if run.status == "completed" {
				states[run.name] = run.conclusion
			}
		}
	}
	names := sortedKeys(states)
	if required != nil {
		names = *required
	}
	var missing []object
	for _, name := range names {
		if state := states[name]; !slices.Contains([]string{"success", "neutral", "skipped"}, state) {
			if state == "" {
				state = "pending"
			}
			missing = append(missing, object{"context": name, "state": state})
		}
	}
	return missing
}

// deployment finds the deployment of the path. Callers hold d.mu.
func (c *call) deployment() (*deployment, error) {
	id, err := c.number("deployment_id")
	if err != nil {
		return nil, err
	}
	for _, x := range c.repo.deployments {
		if x.id == id {
			return x, nil
		}
	}
	return nil, errNotFound()
}

func (d *Double) listDeployments(c *call) (answer, error) {
	d.mu.Lock()
	var found []*deployment
	for _, x := range slices.Backward(c.repo.deployments) {
		match := func(name, value string) bool { q := c.query(name); return q == "" || q == "none" || q == value }
		if match("sha", x.sha) && match("ref", x.ref) && match("task", x.task) && match("environment", x.environment) {
			found = append(found, x)
		}
	}
	d.mu.Unlock()
	return listed(c, found, d.deploymentJSON)
}

func (d *Double) getDeployment(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.deployment()
	if err != nil {
		return answer{}, err
	}
	return ok(d.deploymentJSON(x))
}

func (d *Double) deleteDeployment(c *call) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.deployment()
	if err != nil {
		return answer{}, err
	}
	if len(c.repo.deployments) > 1 && x.active() {
		return answer{}, errUnprocessable("We cannot delete an active deployment unless it is the only deployment in a given environment.")
	}
	c.repo.deployments = slices.DeleteFunc(c.repo.deployments, func(y *deployment) bool { return y == x })
	d.feed.changed()
	return noContent()
}

func (x *deployment) active() bool {
	n := len(x.statuses)
	return n > 0 && x.statuses[n-1].state == "success"
}

var deploymentStates = []string{"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}

func (d *Double) createDeploymentStatus(c *call) (answer, error) {
	var in struct {
		State, Description, Environment string
		LogURL                          string `json:"log_url"`
		TargetURL                       string `json:"target_url"`
		EnvironmentURL                  string `json:"environment_url"`
		AutoInactive                    *bool  `json:"auto_inactive"` // default true
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	if !slices.Contains(deploymentStates, in.State) {
		return answer{}, errValidation("DeploymentStatus", "invalid", "state", "")
	}
	if len([]rune(in.Description)) > 140 {
		return answer{}, errValidation("DeploymentStatus", "custom", "description", "description is too long (maximum is 140 characters)")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.deployment()
	if err != nil {
		return answer{}, err
	}
	if in.Environment == "" {
		in.Environment = x.environment
	}
	if in.LogURL == "" {
		in.LogURL = in.TargetURL
	}
	s := &deploymentStatus{
		deployment: x, state: in.State, description: in.Description, environment: in.Environment, logURL: in.LogURL,
		environmentURL: in.EnvironmentURL,
	}
	if in.State == "success" && (in.AutoInactive == nil || *in.AutoInactive) {
		d.deactivateOthers(x, c.by)
	}
	d.addDeploymentStatus(s, c.by)
	return created(d.deploymentStatusJSON(s))
}

// addDeploymentStatus stores a status and tells the App. Callers hold d.mu.
func (d *Double) addDeploymentStatus(s *deploymentStatus, by actor) {
	s.id, s.creator, s.created = d.id(), by.account, d.now()
	x := s.deployment
	x.statuses, x.updated = append(x.statuses, s), s.created
	x.environment = s.environment
	d.feed.changed()
	d.emit("deployment_status", x.repo, by, object{
		"action": "created", "deployment_status": d.deploymentStatusJSON(s), "deployment": d.hookDeploymentJSON(x), "check_run": nil,
		"workflow": nil, "workflow_run": nil,
	})
}

// deactivateOthers gives earlier successful, lasting deployments of the environment the state inactive. Callers hold d.mu.
func (d *Double) deactivateOthers(x *deployment, by actor) {
	for _, y := range x.repo.deployments {
		if y != x && y.environment == x.environment && y.active() && !y.transient && !y.production {
			d.addDeploymentStatus(&deploymentStatus{deployment: y, state: "inactive", environment: y.environment}, by)
		}
	}
}

func (d *Double) listDeploymentStatuses(c *call) (answer, error) {
	d.mu.Lock()
	x, err := c.deployment()
	var statuses []*deploymentStatus
	if err == nil {
		statuses = slices.Clone(x.statuses)
	}
	d.mu.Unlock()
	if err != nil {
		return answer{}, err
	}
	slices.Reverse(statuses)
	return listed(c, statuses, d.deploymentStatusJSON)
}

func (d *Double) getDeploymentStatus(c *call) (answer, error) {
	id, err := c.number("status_id")
	if err != nil {
		return answer{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x, err := c.deployment()
	if err != nil {
		return answer{}, err
	}
	for _, s := range x.statuses {
		if s.id == id {
			return ok(d.deploymentStatusJSON(s))
		}
	}
	return answer{}, errNotFound()
}
