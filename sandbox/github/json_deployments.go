package github

// deploymentJSON renders a deployment. Callers hold d.mu.
func (d *Double) deploymentJSON(x *deployment) object {
	u := d.api("/repos/%s/deployments/%d", x.repo.fullName(), x.id)
	o := object{
		"id": x.id, "node_id": nodeID("DE", x.id), "url": u, "sha": x.sha, "ref": x.ref, "task": x.task, "payload": x.payload,
		"original_environment": x.environment, "environment": x.environment, "description": x.description, "creator": d.userJSON(x.creator),
		"created_at": stamp(x.created), "updated_at": stamp(x.updated), "statuses_url": u + "/statuses",
		"repository_url": d.api("/repos/%s", x.repo.fullName()), "transient_environment": x.transient, "production_environment": x.production,
		"performed_via_github_app": nil,
	}
	if x.app {
		o["performed_via_github_app"] = d.appJSON()
	}
	return o
}

func (d *Double) deploymentStatusJSON(s *deploymentStatus) object {
	deployment := d.api("/repos/%s/deployments/%d", s.deployment.repo.fullName(), s.deployment.id)
	return object{
		"id": s.id, "node_id": nodeID("DES", s.id), "url": deployment + "/statuses/" + itoa(s.id), "state": s.state,
		"creator": d.userJSON(s.creator), "description": s.description, "environment": s.environment, "target_url": s.logURL,
		"log_url": s.logURL, "environment_url": s.environmentURL, "created_at": stamp(s.created), "updated_at": stamp(s.created),
		"deployment_url": deployment, "repository_url": d.api("/repos/%s", s.deployment.repo.fullName()), "performed_via_github_app": nil,
	}
}

// hookDeploymentJSON renders a deployment as webhooks do: without the App. Callers hold d.mu.
func (d *Double) hookDeploymentJSON(x *deployment) object {
	return with(d.deploymentJSON(x), object{"performed_via_github_app": nil})
}
