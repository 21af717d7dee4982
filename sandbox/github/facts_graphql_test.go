package github

import (
	"net/http"
	"strings"
	"testing"

	gh "github.com/google/go-github/v60/github"
)

const minimizeMutation = `mutation($input: MinimizeCommentInput!) { minimizeComment(input: $input) { minimizedComment { isMinimized minimizedReason } } }`

type graphqlAnswer struct {
	Data struct {
		MinimizeComment *struct {
			MinimizedComment struct {
				IsMinimized     bool
				MinimizedReason string
			}
		}
	}
	Errors []struct{ Type, Message string }
}

func graphql(t *testing.T, client *gh.Client, query string, input map[string]any) graphqlAnswer {
	t.Helper()
	r, err := client.NewRequest(http.MethodPost, "/api/graphql", map[string]any{"query": query, "variables": map[string]any{"input": input}})
	must(t, err)
	var out graphqlAnswer
	_, err = client.Do(ctx, r, &out)
	must(t, err)
	return out
}

func TestMinimizedCommentsStayFolded(t *testing.T) {
	w := newWorld(t)
	n := w.open()
	made, _, err := w.bot().Issues.CreateComment(ctx, "acme", "infra", n, &gh.IssueComment{Body: gh.String("older")})
	must(t, err)
	input := map[string]any{"subjectId": made.GetNodeID(), "classifier": "OUTDATED"}
	for range 2 { // once more is no error
		a := graphql(t, w.bot(), minimizeMutation, input)
		if len(a.Errors) > 0 || a.Data.MinimizeComment == nil || a.Data.MinimizeComment.MinimizedComment.MinimizedReason != "outdated" {
			t.Fatalf("minimized: %+v", a)
		}
	}
	var folded string
	for _, m := range w.view(n).Timeline {
		if m.Comment != nil {
			folded += m.Comment.Minimized + m.Comment.Body
		}
	}
	if folded != "outdatedolder" {
		t.Errorf("the conversation has %q", folded)
	}
	for why, c := range map[string]struct {
		query string
		input map[string]any
		want  string
	}{
		"a comment that is not there": {minimizeMutation, map[string]any{"subjectId": "IC_bm8", "classifier": "OUTDATED"}, "Could not resolve to a node with the global id of 'IC_bm8'"},
		"a reason of REST's":          {minimizeMutation, map[string]any{"subjectId": made.GetNodeID(), "classifier": "STALE"}, `provided invalid value for classifier (Expected "STALE" to be one of: ABUSE,`},
		"no comment":                  {minimizeMutation, map[string]any{"classifier": "OUTDATED"}, "provided invalid value for subjectId"},
	} {
		if a := graphql(t, w.bot(), c.query, c.input); len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, c.want) {
			t.Errorf("%s: %+v", why, a)
		}
	}
	if got := w.Requests()["POST /graphql"]; got != 5 {
		t.Errorf("%d requests of GraphQL are counted, want 5", got)
	}
}
