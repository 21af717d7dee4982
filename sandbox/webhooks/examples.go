// Package webhooks holds payloads that GitHub has sent, and every way to break
// one of them in one place.
//
// It is test data: whoever handles webhooks feeds all examples and all mutants
// to the handler and looks for panics and for side effects. It knows JSON only,
// neither the double nor Lockkeeper's handlers.
package webhooks

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"encoding/json"
	"fmt"
)

//go:embed examples.json.gz
var compressed []byte

// Example is one webhook delivery.
type Example struct {
	Event   string          `json:"event"` // value of the X-GitHub-Event header
	Payload json.RawMessage `json:"payload"`
}

// Examples returns the embedded payloads, ordered by event. Some are of old
// versions of GitHub, as late deliveries and old servers send them.
func Examples() ([]Example, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, fmt.Errorf("unpacking examples.json.gz: %w", err)
	}
	var all []Example
	if err := json.NewDecoder(unzipped).Decode(&all); err != nil {
		return nil, fmt.Errorf("reading examples.json.gz: %w", err)
	}
	return all, nil
}
