package run

// NewerHead says of which plans of a pull request, newest first, what is shown of a newer
// head changes when its head is sha now and nothing plans that automatically: by the run's id,
// the newer head, or empty when a plan is of the head again.
func NewerHead(runs []Run, sha string) map[string]string {
	changed := map[string]string{}
	newest := true
	for _, r := range ofPull(runs) {
		if r.Kind == KindPlan && r.HeadSHA == "" && r.State == StateAccepted {
			if r.NewerHead != sha {
				changed[r.ID] = sha // it may have read the head before; Prepared says what it read
			}
			continue
		}
		if r.Kind != KindPlan || r.HeadSHA == "" || r.State == StateRefused && r.Trigger.ByPerson() {
			continue // not shown
		}
		newer, shown := sha, newest
		newest = false
		if r.HeadSHA == sha {
			newer = ""
		}
		if r.NewerHead != newer && (newer == "" || shown) {
			changed[r.ID] = newer
		}
	}
	return changed
}
