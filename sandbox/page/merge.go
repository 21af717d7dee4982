package page

import (
	"fmt"
	"strings"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

// mergeBox is the box below the conversation: what stands between the pull
// request and its base branch.
type mergeBox struct {
	Class     string // "ready", "done" or ""
	Rows      []mergeRow
	Ended     *mergeRow // set once merged or closed; there are no other rows then
	Open      bool
	Draft     bool
	CanMerge  bool
	CanUpdate bool // the base branch has commits to merge into this one
	CanReopen bool
}

// mergeRow is one line of the box.
type mergeRow struct {
	sign
	Title, Text string
	Checks      []checkLine
}

// decideMerge says what the box shows. It decides nothing on GitHub: merging is
// refused there if it must be.
func decideMerge(pull github.PullView, reviews []reviewLine, checks []checkLine) mergeBox {
	switch {
	case pull.Merged:
		return mergeBox{Class: "done", Ended: &mergeRow{
			sign{"merged", "merge"}, "Merged", fmt.Sprintf("The commits are in %s now.", pull.BaseRef), nil}}
	case pull.State == "closed":
		return mergeBox{CanReopen: true, Ended: &mergeRow{
			sign{"bad", "pull"}, "Closed", "This pull request was closed without merging it.", nil}}
	}
	merging := mergeabilityRow(pull)
	box := mergeBox{Open: true, Draft: pull.Draft, Rows: []mergeRow{reviewRow(reviews), checksRow(checks)}}
	if len(pull.Unmet) > 0 {
		box.Rows = append(box.Rows, unmetRow(pull))
	}
	box.Rows = append(box.Rows, merging)
	box.CanUpdate = pull.Behind > 0 && merging.sign != signFailure && pull.HeadRepo == pull.Repo
	box.CanMerge = !pull.Draft && merging.sign != signFailure && len(pull.Unmet) == 0
	if box.CanMerge && merging.sign == signSuccess && box.Rows[0].sign != signFailure && box.Rows[1].sign == signSuccess {
		box.Class = "ready"
	}
	return box
}

// reviewRow sums up the latest review of each person.
func reviewRow(reviews []reviewLine) mergeRow {
	var approved, rejected, outdated []string
	for _, review := range reviews {
		switch {
		case review.State == "CHANGES_REQUESTED":
			rejected = append(rejected, review.Author)
		case review.State == "APPROVED" && review.Current:
			approved = append(approved, review.Author)
		case review.State == "APPROVED":
			outdated = append(outdated, review.Author)
		}
	}
	switch {
	case len(rejected) > 0:
		return mergeRow{signFailure, "Changes requested", strings.Join(rejected, ", ") + " asked for changes.", nil}
	case len(approved) > 0:
		return mergeRow{signSuccess, "Changes approved", "The newest commit is approved by " + strings.Join(approved, ", ") + ".", nil}
	case len(outdated) > 0:
		return mergeRow{signPendingStill, "Approval is for an older commit", strings.Join(outdated, ", ") + " approved before the newest push; ask for another look.", nil}
	}
	return mergeRow{sign{"neutral", "eye"}, "No review yet", "Somebody else than the author approves: choose who you are at the top right of this page.", nil}
}

// signPendingStill waits for a person, so nothing turns.
var signPendingStill = sign{"pending", "eye"}

// checksRow sums up the checks; the worst one decides.
func checksRow(checks []checkLine) mergeRow {
	pending, failed, waits := 0, 0, signQueued
	for _, check := range checks {
		switch check.sign {
		case signPending:
			pending, waits = pending+1, signPending
		case signQueued:
			pending++
		case signFailure:
			failed++
		}
	}
	count := fmt.Sprintf("%d of %d", len(checks)-pending, len(checks))
	switch {
	case len(checks) == 0:
		return mergeRow{signNeutral, "No checks yet", "Checks appear here when Lockkeeper plans this commit.", nil}
	case failed > 0:
		return mergeRow{signFailure, "Some checks were not successful", fmt.Sprintf("%d failing, %s done.", failed, count), checks}
	case pending > 0:
		return mergeRow{waits, "Some checks haven't completed yet", count + " done.", checks}
	}
	return mergeRow{signSuccess, "All checks have passed", count + " done.", checks}
}

// unmetRow says what the rules of the base branch wait for.
func unmetRow(pull github.PullView) mergeRow {
	verb := "is"
	if len(pull.Unmet) > 1 {
		verb = "are"
	}
	return mergeRow{signQueued, "Merging is blocked", fmt.Sprintf("%s requires %s, which %s not green yet.", pull.BaseRef, strings.Join(pull.Unmet, " and "), verb), nil}
}

func mergeabilityRow(pull github.PullView) mergeRow {
	switch {
	case pull.Draft:
		return mergeRow{signPendingStill, "This pull request is still a draft", "Draft pull requests cannot be merged.", nil}
	case pull.Mergeable == nil:
		return mergeRow{signPending, "Checking for conflicts", "Comparing with " + pull.BaseRef + ".", nil}
	case !*pull.Mergeable:
		return mergeRow{signFailure, "This branch has conflicts", "They must be resolved before merging into " + pull.BaseRef + ".", nil}
	case pull.Behind > 0:
		return mergeRow{signSuccess, "No conflicts, but out of date", fmt.Sprintf("%s has %d newer commit%s.", pull.BaseRef, pull.Behind, plural(pull.Behind)), nil}
	}
	return mergeRow{signSuccess, "No conflicts with " + pull.BaseRef, "Merging can be performed automatically.", nil}
}

func plural(count int) string {
	if count == 1 {
		return ""
	}
	return "s"
}
