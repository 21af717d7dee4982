package github

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// object is a JSON object as GitHub sends it.
type object = map[string]any

// raw is JSON that is rendered already.
type raw = json.RawMessage

// api gives a URL of the REST API. Callers hold d.mu.
func (d *Double) api(format string, args ...any) string {
	return d.baseURL + "/api/v3" + fmt.Sprintf(format, args...)
}

// web gives a URL of the website. Callers hold d.mu.
func (d *Double) web(format string, args ...any) string {
	return d.baseURL + fmt.Sprintf(format, args...)
}

// nodeID gives an opaque global identifier of the kind that GraphQL uses.
func nodeID(kind string, id int64) string {
	return kind + "_" + base64.RawURLEncoding.EncodeToString([]byte(itoa(id)))
}

// stamp renders a time; the zero time is null.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// orNull renders an empty string as null.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// render marshals what the double itself has built: that cannot fail, so a failure is a bug worth a crash in a test.
func render(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("rendering JSON: %v", err))
	}
	return b
}

// with adds fields to an object and gives it back.
func with(o, more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}

// itoa renders a number in text.
func itoa[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

// atoi reads a number that git wrote; anything else is 0.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
