package page

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

func TestMergeBox(t *testing.T) {
	yes, no := true, false
	approved := reviewLine{Author: "rui", State: "APPROVED", Current: true}
	outdated := reviewLine{Author: "rui", State: "APPROVED"}
	rejected := reviewLine{Author: "eva", State: "CHANGES_REQUESTED"}
	passed, running, failed, skipped := checkLine{sign: signSuccess}, checkLine{sign: signPending}, checkLine{sign: signFailure}, checkLine{sign: signNeutral}
	waiting := checkLine{sign: signQueued}
	tests := map[string]struct {
		pull     github.PullView
		reviews  []reviewLine
		checks   []checkLine
		titles   []string
		class    string
		canMerge bool
	}{
		"all is well":              {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes}, []reviewLine{approved}, []checkLine{passed, skipped}, []string{"Changes approved", "All checks have passed", "No conflicts with main"}, "ready", true},
		"nothing happened yet":     {github.PullView{State: "open", BaseRef: "main"}, nil, nil, []string{"No review yet", "No checks yet", "Checking for conflicts"}, "", true},
		"an approval went stale":   {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes}, []reviewLine{outdated}, []checkLine{running, passed}, []string{"Approval is for an older commit", "Some checks haven't completed yet", "No conflicts with main"}, "", true},
		"a check waits":            {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes}, []reviewLine{approved}, []checkLine{waiting, passed}, []string{"Changes approved", "Some checks haven't completed yet", "No conflicts with main"}, "", true},
		"somebody objects":         {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes}, []reviewLine{approved, rejected}, []checkLine{passed}, []string{"Changes requested", "All checks have passed", "No conflicts with main"}, "", true},
		"a failure beats a waiter": {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes}, nil, []checkLine{running, failed}, []string{"No review yet", "Some checks were not successful", "No conflicts with main"}, "", true},
		"conflicts":                {github.PullView{State: "open", BaseRef: "main", Mergeable: &no}, nil, nil, []string{"No review yet", "No checks yet", "This branch has conflicts"}, "", false},
		"behind its base":          {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes, Behind: 2}, nil, nil, []string{"No review yet", "No checks yet", "No conflicts, but out of date"}, "", true},
		"a draft":                  {github.PullView{State: "open", Draft: true, Mergeable: &yes}, nil, nil, []string{"No review yet", "No checks yet", "This pull request is still a draft"}, "", false},
		"a required check is missing": {github.PullView{State: "open", BaseRef: "main", Mergeable: &yes, Required: []string{"apply"}, Unmet: []string{"apply"}}, []reviewLine{approved}, []checkLine{waiting, passed},
			[]string{"Changes approved", "Some checks haven't completed yet", "Merging is blocked", "No conflicts with main"}, "", false},
		"merged": {github.PullView{State: "closed", Merged: true}, nil, nil, []string{"Merged"}, "done", false},
		"closed": {github.PullView{State: "closed"}, nil, nil, []string{"Closed"}, "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			box := decideMerge(test.pull, test.reviews, test.checks)
			var titles []string
			if box.Ended != nil {
				titles = append(titles, box.Ended.Title)
			}
			for _, row := range box.Rows {
				titles = append(titles, row.Title)
			}
			if diff := cmp.Diff(test.titles, titles); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if box.Class != test.class || box.CanMerge != test.canMerge {
				t.Errorf("class %q, may merge %t; want %q, %t", box.Class, box.CanMerge, test.class, test.canMerge)
			}
		})
	}
}

func TestCheckSigns(t *testing.T) {
	tests := map[string]sign{
		"success": signSuccess, "neutral": signNeutral, "skipped": signNeutral, "failure": signFailure, "cancelled": signFailure,
		"timed_out": signFailure, "action_required": signFailure, "stale": signFailure, "something new": signFailure,
	}
	for conclusion, want := range tests {
		if got := checkSign(github.CheckView{Status: "completed", Conclusion: conclusion}); got != want {
			t.Errorf("%s: %v, want %v", conclusion, got, want)
		}
	}
	for status, want := range map[string]sign{"queued": signQueued, "in_progress": signPending, "something new": signPending} {
		if got := checkSign(github.CheckView{Status: status, Conclusion: "success"}); got != want {
			t.Errorf("%s: %v, want %v", status, got, want)
		}
	}
}

func TestLatestReviewsKeepDecisions(t *testing.T) {
	review := func(author, state, commit string) github.Moment {
		return github.Moment{Kind: "reviewed", Review: &github.ReviewView{Author: author, State: state, Commit: commit}}
	}
	pull := github.PullView{HeadSHA: "new", Timeline: []github.Moment{
		review("rui", "APPROVED", "old"), review("rui", "COMMENTED", "new"),
		review("eva", "CHANGES_REQUESTED", "old"), review("eva", "APPROVED", "new"),
		review("kim", "COMMENTED", "new"), review("kim", "CHANGES_REQUESTED", "new"),
		{Kind: "commented", Comment: &github.CommentView{}},
	}}
	var got []string
	for _, line := range latestReviews(pull) {
		got = append(got, line.Author+" "+line.Says)
	}
	want := []string{"rui approved an older commit", "eva approved the newest commit", "kim requested changes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPushesNameTheirCommits(t *testing.T) {
	pull := github.PullView{Commits: []github.CommitView{{SHA: "aaaaaaaa"}, {SHA: "bbbbbbbb"}, {SHA: "cccccccc"}}}
	tests := map[string]struct {
		moment github.Moment
		want   string
		count  int
	}{
		"opened with one":      {github.Moment{Kind: "opened", SHA: "aaaaaaaa"}, "pushed 1 commit", 1},
		"a push of two":        {github.Moment{Kind: "pushed", Before: "aaaaaaaa", SHA: "cccccccc"}, "pushed 2 commits", 2},
		"history was replaced": {github.Moment{Kind: "pushed", Before: "ffffffffff", SHA: "cccccccc"}, "force-pushed from fffffff to ccccccc", 0},
		"opened, replaced now": {github.Moment{Kind: "opened", SHA: "eeeeeeee"}, "pushed eeeeeee", 0},
		"pushed, replaced now": {github.Moment{Kind: "pushed", Before: "aaaaaaaa", SHA: "eeeeeeee"}, "pushed eeeeeee", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := pushItem(pull, test.moment)
			if got.Text != test.want || len(got.Commits) != test.count {
				t.Errorf("%q with %d commits, want %q with %d", got.Text, len(got.Commits), test.want, test.count)
			}
		})
	}
}

func TestDiffLinesAreNumbered(t *testing.T) {
	want := []diffLine{
		{"hunk", 0, 0, "@@ -3,3 +3,3 @@ locals {", nil},
		{"", 3, 3, " a", nil},
		{"removed", 4, 0, "-b", nil},
		{"added", 0, 4, "+c", nil},
		{"", 5, 5, " ", nil},
		{"", 0, 0, `\ No newline at end of file`, nil},
		{"hunk", 0, 0, "@@ -9 +9,2 @@", nil},
		{"added", 0, 9, "+++ not a header", nil},
	}
	patch := "@@ -3,3 +3,3 @@ locals {\n a\n-b\n+c\n \n\\ No newline at end of file\n@@ -9 +9,2 @@\n+++ not a header"
	if diff := cmp.Diff(want, diffLines(patch)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if lines := diffLines(""); len(lines) != 0 {
		t.Errorf("a binary file has %d lines", len(lines))
	}
}

func TestTimesAreSaidAsPeopleDo(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Minute: "now", 0: "now", 59 * time.Second: "now", time.Minute: "1 minute ago", 119 * time.Second: "1 minute ago",
		2 * time.Hour: "2 hours ago", 24 * time.Hour: "1 day ago", 100 * 24 * time.Hour: "100 days ago",
	}
	for age, want := range tests {
		if got := relative(age); got != want {
			t.Errorf("%s: %q, want %q", age, got, want)
		}
	}
}

func TestInitials(t *testing.T) {
	tests := map[string]string{"ana-author": "aa", "mona": "m", "lockkeeper[bot]": "l", "-x": "x", "": "", "éa-ñb-c": "éñ"}
	for login, want := range tests {
		if got := initials(login); got != want {
			t.Errorf("%q: %q, want %q", login, got, want)
		}
	}
}

func TestReactionsAreCounted(t *testing.T) {
	got := reactions([]github.ReactionView{{By: "b", Content: "eyes"}, {By: "a", Content: "+1"}, {By: "c", Content: "eyes"}, {By: "d", Content: "unknown"}})
	want := []reactionCount{{"👍", "a", 1}, {"👀", "b, c", 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
