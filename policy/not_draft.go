package policy

// notDraft: a draft says that its author is not done.
func notDraft(f Facts, p Project) Reason {
	if !f.Draft || p.Rules.Drafts {
		return good("not_draft", "")
	}
	return bad("not_draft", "The pull request is a draft: mark it as ready for review, then comment `/apply`.")
}
