package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a value that nothing prints, logs or marshals (T27). It cannot
// be compared with ==; compare what Reveal gives in constant time. The zero
// value is the empty secret.
type Secret struct {
	// A function is never printed, even where fmt reaches into unexported
	// fields and calls no methods, and makes the type not comparable.
	reveal func() string
}

// NewSecret wraps a value.
func NewSecret(value string) Secret { return Secret{func() string { return value }} }

// Reveal gives the value to the code that needs it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String is always the same text.
func (Secret) String() string { return redacted }

// Format covers every verb of package fmt.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON is always the same text.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText is always the same text, in YAML too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is always the same text.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
