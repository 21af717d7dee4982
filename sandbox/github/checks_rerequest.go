package github

// rerequestRun puts the suite of a run back to queued; the run itself stays as it is. Callers hold d.mu.
func (d *Double) rerequestRun(c *checkRun, by actor) {
	c.suite.requeued, c.suite.updated = true, d.now()
	d.feed.changed()
	d.emitCheckRun(c, by, "rerequested", nil)
}
