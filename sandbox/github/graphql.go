package github

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// graphqlPath is where GitHub Enterprise Server has GraphQL.
const graphqlPath = "/api/graphql"

// graphqlOperation is how Requests and Faults call it.
const graphqlOperation = "POST /graphql"

// classifiers are GitHub's enum ReportedContentClassifiers
// (https://docs.github.com/graphql/reference/enums#reportedcontentclassifiers).
var classifiers = []string{"ABUSE", "DUPLICATE", "OFF_TOPIC", "OUTDATED", "RESOLVED", "SPAM"}

// minimizing is the one mutation that this double knows, with its input as a variable
// (https://docs.github.com/graphql/reference/mutations#minimizecomment).
var minimizing = regexp.MustCompile(`^\s*mutation\s*\w*\s*\(\s*\$(\w+)\s*:\s*MinimizeCommentInput!\s*\)\s*\{\s*minimizeComment\s*\(\s*input\s*:\s*\$(\w+)\s*\)\s*\{\s*` +
	`minimizedComment\s*\{\s*isMinimized(?:\s+minimizedReason)?\s*\}\s*\}\s*\}\s*$`)

// serveGraphQL answers as GitHub does: 200 with a list of errors, except to those whom it does not know.
func (d *Double) serveGraphQL(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.counts[graphqlOperation]++
	d.mu.Unlock()
	d.faults.meet(graphqlOperation)
	c := &call{d: d, r: r}
	fault, _ := d.faults.next(graphqlOperation, d.now())
	var a answer
	var err error
	switch {
	case fault != nil:
		err = fault
	default:
		if err = c.authenticate(false); err == nil {
			a, err = d.graphql(c)
		}
	}
	d.limited(c, err)
	if err != nil {
		a = c.refusal(err)
	}
	c.write(w, a)
}

func (d *Double) graphql(c *call) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(c.r.Body, 1<<20))
	if err != nil {
		return answer{}, &Error{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
	}
	var in struct {
		Query     string
		Variables map[string]json.RawMessage
	}
	if json.Unmarshal(body, &in) != nil {
		return answer{}, &Error{Status: http.StatusBadRequest, Message: "Problems parsing JSON"}
	}
	m := minimizing.FindStringSubmatch(in.Query)
	if m == nil || m[1] != m[2] {
		return graphqlError(nil, "", "This double knows minimizeComment alone, with one variable as its input.")
	}
	var input struct{ SubjectID, Classifier string }
	if json.Unmarshal(in.Variables[m[1]], &input) != nil || input.SubjectID == "" {
		return graphqlError(nil, "", fmt.Sprintf("Variable $%s of type MinimizeCommentInput! was provided invalid value for subjectId (Expected value to not be null)", m[1]))
	}
	if !slices.Contains(classifiers, input.Classifier) {
		return graphqlError(nil, "", fmt.Sprintf("Variable $%s of type MinimizeCommentInput! was provided invalid value for classifier (Expected %q to be one of: %s)",
			m[1], input.Classifier, strings.Join(classifiers, ", ")))
	}
	return d.minimize(c, input.SubjectID, input.Classifier)
}

// minimize hides a comment. Like other changes of comments it needs write access to issues or pull requests.
func (d *Double) minimize(c *call, node, classifier string) (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.commentOfNode(node)
	if x == nil {
		return graphqlError([]string{"minimizeComment"}, "NOT_FOUND", fmt.Sprintf("Could not resolve to a node with the global id of '%s'", node))
	}
	c.repo = x.pull.repo
	if !c.sees(c.repo) {
		return graphqlError([]string{"minimizeComment"}, "NOT_FOUND", fmt.Sprintf("Could not resolve to a node with the global id of '%s'", node))
	}
	if err := c.permit(access{permissions: "issues=write; pull_requests=write", role: "write"}); err != nil {
		return graphqlError([]string{"minimizeComment"}, "FORBIDDEN", "Resource not accessible by integration")
	}
	x.minimized = strings.ReplaceAll(strings.ToLower(classifier), "_", "-")
	d.feed.changed()
	return ok(object{"data": object{"minimizeComment": object{"minimizedComment": object{"isMinimized": true, "minimizedReason": x.minimized}}}})
}

// commentOfNode finds a comment by its global id. Callers hold d.mu.
func (d *Double) commentOfNode(node string) *comment {
	for _, r := range d.repos {
		for _, x := range r.comments {
			if nodeID("IC", x.id) == node {
				return x
			}
		}
	}
	return nil
}

func graphqlError(path []string, kind, message string) (answer, error) {
	e := object{"message": message, "locations": []object{{"line": 1, "column": 1}}}
	body := object{"errors": []object{e}}
	if kind != "" {
		e["type"], e["path"] = kind, path
		body["data"] = object{"minimizeComment": nil}
	}
	return ok(body)
}
