package policy

// commentUnchanged: what is carried out is what its author wrote, and still
// wants (T14).
func commentUnchanged(f Facts) Reason {
	if !f.CommentChanged {
		return good("comment_unchanged", "")
	}
	return bad("comment_unchanged", "The comment with the command was edited or deleted after it was sent: comment the command again.")
}
