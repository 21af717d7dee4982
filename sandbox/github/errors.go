package github

import (
	"fmt"
	"net/http"
)

// Error is a refusal in GitHub's own words, as its REST API would send it.
type Error struct {
	Status  int // HTTP status
	Message string
	Errors  []any // details of a 422: objects or sentences
	header  map[string]string
	docs    string // where documentation_url leads below docs.github.com/rest; clients recognize rate limits by it
}

func (e *Error) Error() string {
	for _, detail := range e.Errors {
		switch x := detail.(type) {
		case string:
			return e.Message + ": " + x
		case object:
			if m, ok := x["message"].(string); ok {
				return e.Message + ": " + m
			}
		}
	}
	return e.Message
}

func errNotFound() *Error { return &Error{Status: http.StatusNotFound, Message: "Not Found"} }

func errForbidden(message string) *Error {
	return &Error{Status: http.StatusForbidden, Message: message}
}

func errUnprocessable(format string, args ...any) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Message: fmt.Sprintf(format, args...)}
}

// errValidation is the 422 with one detail that names the offending field.
func errValidation(resource, code, field, message string) *Error {
	detail := object{"resource": resource, "code": code, "field": field}
	if message != "" {
		detail["message"] = message
	}
	return &Error{Status: http.StatusUnprocessableEntity, Message: "Validation Failed", Errors: []any{detail}}
}
