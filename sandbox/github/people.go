package github

import (
	"slices"
	"strings"
	"time"
)

// Person acts on GitHub as one user does in a browser. What GitHub refuses comes back as *[Error] in GitHub's words.
type Person struct {
	d     *Double
	login string
}

// As gives a person's hands; a login that does not exist yet is created as a user.
func (d *Double) As(login string) *Person {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addAccount(login, kindUser)
	return &Person{d: d, login: login}
}

// actor is this person for the state machine. Callers hold d.mu.
func (p *Person) actor() actor { return actor{account: p.d.account(p.login)} }

// on runs do with d.mu held on a repository where the person has at least that role.
func (p *Person) on(repo, atLeast string, do func(r *repository, by actor) error) error {
	p.d.mu.Lock()
	defer p.d.mu.Unlock()
	r := p.d.repo(repo)
	if r == nil || !r.may(p.login, "read") {
		return errNotFound()
	}
	if !r.may(p.login, atLeast) {
		return errForbidden("Must have push access to repository")
	}
	return do(r, p.actor())
}

// onPull is on for one pull request. Its author may do what needs atLeast even without that role.
func (p *Person) onPull(repo string, number int, atLeast string, do func(*pull, actor) error) error {
	return p.on(repo, "read", func(r *repository, by actor) error {
		pr := r.pulls[number]
		if pr == nil {
			return errNotFound()
		}
		if !r.may(p.login, atLeast) && pr.author != by.account {
			return errForbidden("Must have push access to repository")
		}
		return do(pr, by)
	})
}

// Comment comments on a pull request and gives the comment's id.
func (p *Person) Comment(repo string, number int, body string) (id int64, err error) {
	err = p.onPull(repo, number, "read", func(pr *pull, by actor) error {
		c, err := p.d.addComment(pr, by, body)
		if err == nil {
			id = c.id
		}
		return err
	})
	return id, err
}

// EditComment changes the body of a comment.
func (p *Person) EditComment(repo string, id int64, body string) error {
	return p.onComment(repo, id, func(c *comment, by actor) error { return p.d.editComment(c, by, body) })
}

// DeleteComment removes a comment.
func (p *Person) DeleteComment(repo string, id int64) error {
	return p.onComment(repo, id, func(c *comment, by actor) error {
		p.d.deleteComment(c, by)
		return nil
	})
}

func (p *Person) onComment(repo string, id int64, do func(*comment, actor) error) error {
	return p.on(repo, "read", func(r *repository, by actor) error {
		c := r.comments[id]
		if c == nil {
			return errNotFound()
		}
		if !c.mayWriteComment(by) {
			return errForbidden("Must have admin rights to Repository.")
		}
		return do(c, by)
	})
}

// Review reviews the head of a pull request; event is APPROVE, REQUEST_CHANGES or COMMENT. It gives the review's id.
func (p *Person) Review(repo string, number int, event, body string) (id int64, err error) {
	err = p.onPull(repo, number, "read", func(pr *pull, by actor) error {
		v, err := p.d.addReview(pr, by, event, body, "")
		if err == nil {
			id = v.id
		}
		return err
	})
	return id, err
}

// DismissReview dismisses someone's approval or request for changes; it needs the role write.
func (p *Person) DismissReview(repo string, number int, id int64) error {
	return p.on(repo, "write", func(r *repository, by actor) error {
		pr := r.pulls[number]
		if pr == nil || pr.review(id) == nil {
			return errNotFound()
		}
		return p.d.dismissReview(pr.review(id), by)
	})
}

// Push commits files on top of a branch and pushes. A new branch starts at the default branch. It gives the new commit's SHA.
func (p *Person) Push(repo, branch, message string, files Files) (string, error) {
	return p.commit(repo, newCommit{branch: branch, message: message, files: files}, false)
}

// ForcePush replaces the last commit of a branch with one that has these changes instead.
func (p *Person) ForcePush(repo, branch, message string, files Files) (string, error) {
	return p.commit(repo, newCommit{branch: branch, message: message, files: files}, true)
}

// Signed says who a commit claims that made it, each as a login or an e-mail address. Nobody checks it, as git does not.
type Signed struct {
	Author    string
	Committer string // empty: the author
}

// PushSigned is Push of a commit that names other people than the pusher.
func (p *Person) PushSigned(repo, branch, message string, by Signed, files Files) (string, error) {
	committer := by.Committer
	if committer == "" {
		committer = by.Author
	}
	now := p.d.now()
	who := claimed(committer, now)
	return p.commit(repo, newCommit{branch: branch, message: message, author: claimed(by.Author, now), by: &who, files: files}, false)
}

// claimed is a signature by login or address.
func claimed(by string, at time.Time) signature {
	if name, _, isAddress := strings.Cut(by, "@"); isAddress {
		return signature{name: name, email: by, when: at}
	}
	return personSignature(by, at)
}

// MoveBranch pushes a commit that the repository has as the tip of a branch, a new one too, by force if need be.
func (p *Person) MoveBranch(repo, branch, sha string) error {
	var r *repository
	var by actor
	err := p.on(repo, "write", func(found *repository, a actor) error {
		r, by = found, a
		return nil
	})
	if err != nil {
		return err
	}
	ref := "refs/heads/" + branch
	if !validRef(ref) {
		return errUnprocessable("Reference name is not valid: %s", ref)
	}
	return p.d.moveRef(r, by, ref, sha, func(string) error { return nil })
}

func (p *Person) commit(repo string, c newCommit, rewind bool) (string, error) {
	var found *repository
	err := p.on(repo, "write", func(r *repository, _ actor) error {
		found = r
		return nil
	})
	if err != nil {
		return "", err
	}
	return p.d.commitTo(found, p.login, c, rewind)
}

// OpenPull opens a pull request and gives its number. head is "branch", or "owner:branch" for a branch of a fork.
func (p *Person) OpenPull(repo, head, base, title, body string, draft bool) (int, error) {
	var r *repository
	var by actor
	err := p.on(repo, "read", func(found *repository, a actor) error {
		r, by = found, a
		return nil
	})
	if err != nil {
		return 0, err
	}
	pr, err := p.d.openPull(r, by, newPull{head: head, base: base, title: title, body: body, draft: draft})
	if err != nil {
		return 0, err
	}
	return pr.number, nil
}

// editable finds a pull request that the person may change.
func (p *Person) editable(repo string, number int) (pr *pull, by actor, err error) {
	err = p.onPull(repo, number, "write", func(found *pull, a actor) error {
		pr, by = found, a
		return nil
	})
	return pr, by, err
}

func (p *Person) edit(repo string, number int, c pullChange) error {
	pr, by, err := p.editable(repo, number)
	if err != nil {
		return err
	}
	return p.d.editPull(pr, by, c)
}

// EditBase changes the base branch of a pull request.
func (p *Person) EditBase(repo string, number int, base string) error {
	return p.edit(repo, number, pullChange{base: &base})
}

// EditTitle changes the title and the body of a pull request.
func (p *Person) EditTitle(repo string, number int, title, body string) error {
	return p.edit(repo, number, pullChange{title: &title, body: &body})
}

// ClosePull closes a pull request without merging it.
func (p *Person) ClosePull(repo string, number int) error {
	state := "closed"
	return p.edit(repo, number, pullChange{state: &state})
}

// ReopenPull opens a closed pull request again.
func (p *Person) ReopenPull(repo string, number int) error {
	state := "open"
	return p.edit(repo, number, pullChange{state: &state})
}

// ReadyForReview ends a draft.
func (p *Person) ReadyForReview(repo string, number int) error {
	return p.setDraft(repo, number, false)
}

// ConvertToDraft makes a pull request a draft.
func (p *Person) ConvertToDraft(repo string, number int) error { return p.setDraft(repo, number, true) }

func (p *Person) setDraft(repo string, number int, draft bool) error {
	pr, by, err := p.editable(repo, number)
	if err != nil {
		return err
	}
	return p.d.setDraft(pr, by, draft)
}

// MergePull merges with method merge, squash or rebase and gives the SHA that the base branch has then.
func (p *Person) MergePull(repo string, number int, method string) (string, error) {
	var pr *pull
	var by actor
	err := p.on(repo, "write", func(r *repository, a actor) error {
		if pr, by = r.pulls[number], a; pr == nil {
			return errNotFound()
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return p.d.mergePull(pr, by, mergeRequest{method: method})
}

// Press presses a button of a completed check run.
func (p *Person) Press(repo string, checkRun int64, identifier string) error {
	return p.on(repo, "read", func(r *repository, by actor) error {
		run := r.checks[checkRun]
		if run == nil {
			return errNotFound()
		}
		known := slices.ContainsFunc(run.actions, func(a Action) bool { return a.Identifier == identifier })
		if run.status != "completed" || !known {
			return errUnprocessable("The check run has no button %q now.", identifier)
		}
		p.d.emitCheckRun(run, by, "requested_action", object{"requested_action": object{"identifier": identifier}})
		return nil
	})
}

// RerequestCheck presses "Re-run" of a check run.
func (p *Person) RerequestCheck(repo string, checkRun int64) error {
	return p.on(repo, "write", func(r *repository, by actor) error {
		run := r.checks[checkRun]
		if run == nil {
			return errNotFound()
		}
		p.d.rerequestRun(run, by)
		return nil
	})
}

// RerequestSuite presses "Re-run all checks" of a commit.
func (p *Person) RerequestSuite(repo, sha string) error {
	return p.on(repo, "write", func(r *repository, by actor) error {
		for _, s := range r.suites {
			if s.headSHA == sha && s.app == nil {
				p.d.rerequestSuite(s, by)
				return nil
			}
		}
		return errNotFound()
	})
}
