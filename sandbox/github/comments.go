package github

import (
	"slices"
	"time"
	"unicode/utf8"
)

// maxBody is the longest comment or review body, in characters.
const maxBody = 65536

type comment struct {
	id               int64
	pull             *pull
	author           *account
	app              bool // made through the App
	body             string
	created, updated time.Time
	edited           bool
	deleted          bool
	minimized        string // why people see it folded; empty when they do not
	reactions        []*reaction
}

type reaction struct {
	id      int64
	by      *account
	content string
	created time.Time
}

func checkBody(resource, body string) error {
	if body == "" {
		return errValidation(resource, "missing_field", "body", "")
	}
	if utf8.RuneCountInString(body) > maxBody {
		return errValidation(resource, "unprocessable", "data", "Body is too long (maximum is 65536 characters)")
	}
	return nil
}

// addComment comments on a pull request. Callers hold d.mu.
func (d *Double) addComment(p *pull, by actor, body string) (*comment, error) {
	if err := checkBody("IssueComment", body); err != nil {
		return nil, err
	}
	c := &comment{id: d.id(), pull: p, author: by.account, app: by.app, body: body, created: d.now(), updated: d.now()}
	p.repo.comments[c.id] = c
	p.comments = append(p.comments, c)
	d.record(p, by, moment{kind: "commented", comment: c})
	d.emitComment(c, by, "created", nil)
	return c, nil
}

// editComment changes a comment's body. Callers hold d.mu.
func (d *Double) editComment(c *comment, by actor, body string) error {
	if err := checkBody("IssueComment", body); err != nil {
		return err
	}
	from := c.body
	c.body, c.updated, c.edited, c.pull.updated = body, d.now(), true, d.now()
	d.feed.changed()
	d.emitComment(c, by, "edited", object{"body": object{"from": from}})
	return nil
}

// deleteComment removes a comment. Callers hold d.mu.
func (d *Double) deleteComment(c *comment, by actor) {
	delete(c.pull.repo.comments, c.id)
	c.pull.comments = slices.DeleteFunc(c.pull.comments, func(x *comment) bool { return x == c })
	c.pull.timeline = slices.DeleteFunc(c.pull.timeline, func(m *moment) bool { return m.comment == c })
	c.deleted = true
	d.feed.changed()
	d.emitComment(c, by, "deleted", nil)
}

// mayWriteComment reports whether by may edit or delete a comment: its author, or who may write to the repository.
// The App may touch only what it wrote itself. Callers hold d.mu.
func (c *comment) mayWriteComment(by actor) bool {
	return c.author == by.account || !by.app && c.pull.repo.may(by.account.login, "write")
}
