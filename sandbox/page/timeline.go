package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// item is one entry of the conversation. Kind "comment" has a bubble of its
// own, "event" is a line with an icon.
type item struct {
	Kind      string
	ID        string // of the element, steady between two readings
	Actor     string
	At        time.Time
	Text      string // what an event says between its actor and its time
	Body      template.HTML
	Icon      string
	Tone      string // colour of an event's icon
	Label     string // what the actor is here
	Own       bool   // written by the visitor
	Edited    bool
	Minimized string // why it is folded; empty when it is not
	Reactions []reactionCount
	Commits   []github.CommitView
}

// reactionCount is one kind of reaction to a comment.
type reactionCount struct {
	Emoji, Who string
	Count      int
}

// items is the conversation as GitHub shows it: the description first, then all
// that happened, oldest first.
func (s *site) items(pull github.PullView, you string) []item {
	description := item{Kind: "comment", ID: "description", Actor: pull.Author, At: pull.Created, Label: "Author", Own: pull.Author == you}
	if pull.Body != "" {
		description.Body = s.markdown.HTML(pull.Body)
	}
	items := []item{description}
	seen := map[string]int{}
	for _, moment := range pull.Timeline {
		entry, shown := s.item(pull, moment)
		if !shown {
			continue
		}
		if entry.ID == "" {
			seen[moment.Kind]++
			entry.ID = fmt.Sprintf("%s-%d", moment.Kind, seen[moment.Kind])
		}
		entry.Actor, entry.At, entry.Own = moment.Actor, moment.At, moment.Actor == you
		items = append(items, entry)
	}
	return items
}

// item shows one moment, or tells that it is not worth a line.
func (s *site) item(pull github.PullView, moment github.Moment) (item, bool) {
	switch moment.Kind {
	case "commented":
		return s.commentItem(pull, *moment.Comment), true
	case "reviewed":
		return s.reviewItem(*moment.Review), true
	case "opened", "pushed":
		return pushItem(pull, moment), true
	}
	event, known := map[string]item{
		"edited":             {Text: "edited the title or the description", Icon: "pencil"},
		"review_dismissed":   {Text: "dismissed a review", Icon: "cross"},
		"ready_for_review":   {Text: "marked this as ready for review", Icon: "eye"},
		"converted_to_draft": {Text: "made this a draft", Icon: "pencil"},
		"closed":             {Text: "closed this", Icon: "pull", Tone: "bad"},
		"reopened":           {Text: "reopened this", Icon: "pull", Tone: "good"},
		"merged":             {Text: fmt.Sprintf("merged commit %s into %s", short(moment.SHA), pull.BaseRef), Icon: "merge", Tone: "merged"},
	}[moment.Kind]
	event.Kind = "event"
	return event, known
}

func (s *site) commentItem(pull github.PullView, comment github.CommentView) item {
	entry := item{
		Kind: "comment", ID: fmt.Sprintf("issuecomment-%d", comment.ID), Body: s.markdown.HTML(comment.Body),
		Edited: comment.Edited, Minimized: comment.Minimized, Reactions: reactions(comment.Reactions),
	}
	switch {
	case comment.App || isBot(comment.Author):
		entry.Label = "bot"
	case comment.Author == pull.Author:
		entry.Label = "Author"
	}
	return entry
}

func (s *site) reviewItem(review github.ReviewView) item {
	entry := item{Kind: "event", ID: fmt.Sprintf("pullrequestreview-%d", review.ID), Text: "reviewed", Icon: "eye"}
	switch review.State {
	case "APPROVED":
		entry.Text, entry.Icon, entry.Tone = "approved these changes at "+short(review.Commit), "check", "good"
	case "CHANGES_REQUESTED":
		entry.Text, entry.Icon, entry.Tone = "requested changes at "+short(review.Commit), "cross", "bad"
	case "DISMISSED":
		entry.Text = "reviewed; the review was dismissed"
	}
	if review.Body != "" {
		entry.Body = s.markdown.HTML(review.Body)
	}
	return entry
}

// pushItem shows the commits that opening or a push brought. A push that does
// not build on the commit before it replaced the branch.
func pushItem(pull github.PullView, moment github.Moment) item {
	position := func(sha string) int {
		return slices.IndexFunc(pull.Commits, func(c github.CommitView) bool { return c.SHA == sha })
	}
	first, last := 0, position(moment.SHA)
	entry := item{Kind: "event", Icon: "commit"}
	if moment.Kind == "pushed" {
		first = position(moment.Before) + 1
		if first == 0 {
			entry.Text = fmt.Sprintf("force-pushed from %s to %s", short(moment.Before), short(moment.SHA))
			return entry
		}
	}
	if last < first {
		entry.Text = "pushed " + short(moment.SHA)
		return entry
	}
	entry.Commits = pull.Commits[first : last+1]
	entry.Text = fmt.Sprintf("pushed %d commit%s", len(entry.Commits), plural(len(entry.Commits)))
	return entry
}

// reactions counts by kind, in the order GitHub lists them.
func reactions(all []github.ReactionView) []reactionCount {
	kinds := []struct{ content, emoji string }{
		{"+1", "👍"}, {"-1", "👎"}, {"laugh", "😄"}, {"hooray", "🎉"}, {"confused", "😕"}, {"heart", "❤️"}, {"rocket", "🚀"}, {"eyes", "👀"},
	}
	var counts []reactionCount
	for _, kind := range kinds {
		var who []string
		for _, reaction := range all {
			if reaction.Content == kind.content {
				who = append(who, reaction.By)
			}
		}
		if len(who) > 0 {
			counts = append(counts, reactionCount{Emoji: kind.emoji, Who: strings.Join(who, ", "), Count: len(who)})
		}
	}
	return counts
}

// reviewLine is where one person's latest decision stands.
type reviewLine struct {
	sign
	ID                  int64
	Author, State, Says string
	Current             bool // it is about the newest commit
	Decides             bool // it can be dismissed
}

// latestReviews keeps each person's last review that decides something; mere
// comments do not replace a decision (docs.github.com, "About pull request
// reviews").
func latestReviews(pull github.PullView) []reviewLine {
	var lines []reviewLine
	for _, moment := range pull.Timeline {
		review := moment.Review
		if moment.Kind != "reviewed" || review == nil {
			continue
		}
		line := reviewLine{ID: review.ID, Author: review.Author, State: review.State, Current: review.Commit == pull.HeadSHA}
		switch {
		case review.State == "APPROVED" && line.Current:
			line.sign, line.Says = signSuccess, "approved the newest commit"
		case review.State == "APPROVED":
			line.sign, line.Says = signPendingStill, "approved an older commit"
		case review.State == "CHANGES_REQUESTED":
			line.sign, line.Says = signFailure, "requested changes"
		case review.State == "DISMISSED":
			line.sign, line.Says = signNeutral, "reviewed, and the review was dismissed"
		default:
			line.sign, line.Says = sign{"neutral", "comment"}, "commented"
		}
		line.Decides = review.State == "APPROVED" || review.State == "CHANGES_REQUESTED"
		before := slices.IndexFunc(lines, func(l reviewLine) bool { return l.Author == review.Author })
		switch {
		case before < 0:
			lines = append(lines, line)
		case review.State != "COMMENTED":
			lines[before] = line
		}
	}
	return lines
}
