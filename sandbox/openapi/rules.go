package openapi

import (
	"encoding/json"
	"unicode/utf8"
)

// maxCommentCharacters is what GitHub takes as the body of a comment; more is
// answered with 422 "Body is too long (maximum is 65536 characters)".
const maxCommentCharacters = 65536

// mustRefuse says why GitHub refuses a request with 422, for the rules that its
// description leaves out; "" if it does not.
func mustRefuse(operationID string, body []byte) string {
	var sent struct{ Status, Conclusion, Body string }
	if json.Unmarshal(body, &sent) != nil {
		return ""
	}
	switch operationID {
	case "checks/create": // checks/update has this rule in its schema
		if sent.Status == "completed" && sent.Conclusion == "" {
			return "a completed check run needs a conclusion"
		}
	case "issues/create-comment", "issues/update-comment":
		if utf8.RuneCountInString(sent.Body) > maxCommentCharacters {
			return "a comment has at most 65536 characters"
		}
	}
	return ""
}
