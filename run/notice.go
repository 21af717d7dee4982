package run

import "fmt"

// NoticeKind is what a notice asks a Sink to do.
type NoticeKind string

// The notices that exist. Comment and Check are rebuilt from the store when
// they are sent, so adding one that is already waiting changes nothing but its
// Version; Reply and Reaction carry what they say.
const (
	NoticeReaction NoticeKind = "reaction" // put Content on the comment CommentID
	NoticeReply    NoticeKind = "reply"    // write a new comment: Body, or how RunID ended
	NoticeComment  NoticeKind = "comment"  // bring the pull request's one comment up to date
	NoticeCheck    NoticeKind = "check"    // bring the check runs of RunID's commit up to date, or of the newest one
	NoticeMerge    NoticeKind = "merge"    // merge the pull request of RunID at the commit of RunID, when everything is applied there
)

// Notice is one row of the outbox: something that people should see. Kind and
// Key together are unique.
type Notice struct {
	ID       int64      `json:"-"` // given by the store
	Version  int        `json:"-"` // grows when the same notice is added again
	Attempts int        `json:"-"`
	Kind     NoticeKind `json:"-"`
	Key      string     `json:"-"`
	Subject

	CommentID int64  `json:"comment_id,omitempty"`
	Content   string `json:"content,omitempty"` // of a reaction: eyes, +1, confused, …
	Body      string `json:"body,omitempty"`    // of a reply: Markdown
	About     string `json:"about,omitempty"`   // of a reply that the next one about the same on the pull request replaces; empty: it stays
	RunID     string `json:"run_id,omitempty"`
}

// ReactionTo acknowledges a command at once.
func ReactionTo(repo Repository, pull int, commentID int64, content string) Notice {
	return Notice{
		Kind: NoticeReaction, Key: fmt.Sprintf("%d/%d/%s", repo.ID, commentID, content),
		Subject: Subject{Repository: repo, PullRequest: pull}, CommentID: commentID, Content: content,
	}
}

// ReplyTo answers in a new comment. Key names the question (a delivery or a
// run), so that one question gets one answer.
func ReplyTo(repo Repository, pull int, key, body string) Notice {
	return Notice{Kind: NoticeReply, Key: key, Subject: Subject{Repository: repo, PullRequest: pull}, Body: body}
}

// Answer notifies the person who requested a run of why it was refused, or how it ended.
func Answer(r Run) Notice {
	n := ReplyTo(r.Repository, r.PullRequest, "run/"+r.ID, "")
	n.RunID = r.ID
	if r.State == StateRefused {
		n.About = "refused " + string(r.Kind)
	}
	return n
}

// RefreshComment brings the pull request's comment up to date.
func RefreshComment(repo Repository, pull int) Notice {
	return Notice{
		Kind: NoticeComment, Key: fmt.Sprintf("%d/%d", repo.ID, pull), Subject: Subject{Repository: repo, PullRequest: pull},
	}
}

// MergePull merges the pull request of an apply, if nothing is left to apply at
// its commit.
func MergePull(r Run) Notice {
	return Notice{Kind: NoticeMerge, Key: r.ID, Subject: r.Pull(), RunID: r.ID}
}

// RefreshNewest brings the check runs of a pull request's newest planned commit up
// to date.
func RefreshNewest(h Subject) Notice {
	return Notice{
		Kind: NoticeCheck, Key: fmt.Sprintf("%d/%d/", h.Repository.ID, h.PullRequest), Subject: Subject{Repository: h.Repository, PullRequest: h.PullRequest},
	}
}

// RefreshCheck brings the check runs of a run's commit up to date.
func RefreshCheck(r Run) Notice {
	return Notice{
		Kind: NoticeCheck, Key: fmt.Sprintf("%d/%d/%s", r.Repository.ID, r.PullRequest, r.HeadSHA),
		Subject: r.Pull(), RunID: r.ID,
	}
}
