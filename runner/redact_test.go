package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// T41: no secret in any usual encoding, however the writes split it.
func TestRedactorFindsEncodedSecretsAcrossWrites(t *testing.T) {
	encodings := map[string]func(string) string{
		"as it is": func(s string) string { return s },
		"base64":   func(s string) string { return base64.StdEncoding.EncodeToString([]byte("x" + s + "yz")) },
		"hex":      func(s string) string { return hex.EncodeToString([]byte(s)) },
		"url":      url.QueryEscape,
		"rfc3986":  percentEncoded,
		"json": func(s string) string {
			b, _ := json.Marshal(s)
			return string(b)
		},
	}
	for n := range 20 {
		secret := fmt.Sprintf("s3cr&t \"%02d\" <k/y+%d>=%s", n, n*7919, strings.Repeat("é!", n%4))
		r := newRedactor([]string{secret, "an0ther-value"})
		for name, encode := range encodings {
			leak := encode(secret)
			if name == "base64" { // the ends mix with their neighbours
				leak = leak[3 : len(leak)-6]
			}
			text := []byte("before " + encode(secret) + " after")
			for at := range len(text) + 1 {
				var out bytes.Buffer
				w := r.Writer(&out)
				_, _ = w.Write(text[:at])
				_, _ = w.Write(text[at:])
				_ = w.Close()
				if strings.Contains(out.String(), leak) || !strings.Contains(out.String(), Redacted) {
					t.Fatalf("%s split at %d: %q", name, at, out.String())
				}
				if !strings.HasPrefix(out.String(), "before ") || !strings.HasSuffix(out.String(), " after") {
					t.Fatalf("%s split at %d lost text: %q", name, at, out.String())
				}
			}
		}
	}
}

func TestRedactorFindsBase64AtEveryAlignment(t *testing.T) {
	const secret = "correct horse battery staple"
	r := newRedactor([]string{secret})
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for before := range 7 {
			for after := range 4 {
				text := encoding.EncodeToString([]byte(strings.Repeat("\xff", before) + secret + strings.Repeat("~", after)))
				if got := r.String(text); len(got)-len(Redacted) > (before+after)*4/3+8 {
					t.Errorf("%d before, %d after: %q became %q", before, after, text, got)
				}
			}
		}
	}
}

func TestRedactorHidesOverlappingSecrets(t *testing.T) {
	r := newRedactor([]string{"abcdefgh", "efghijkl"})
	if got := r.String("1 abcdefghijkl 2"); got != "1 "+Redacted+" 2" {
		t.Error(got)
	}
}

func TestRedactorHidesLinesOfKeys(t *testing.T) {
	r := newRedactor([]string{"-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nMIIEvQIBADANBgkqhkiG9w1\n-----END KEY-----\n"})
	if got := r.String("      MIIEvQIBADANBgkqhkiG9w1 +"); got != "      "+Redacted+" +" {
		t.Error(got)
	}
}

func TestRedactorLeavesShortValues(t *testing.T) {
	if got := newRedactor([]string{"prod", ""}).String("prod"); got != "prod" {
		t.Error(got)
	}
}

// Found in use: pin = "4711" stayed where it was printed.
func TestRedactorHidesShortValuesInQuotes(t *testing.T) {
	r := newRedactor([]string{"4711", "a1b2c", "prod", "443"})
	for text, want := range map[string]string{
		`pin = "4711"`:               `pin = ` + Redacted,
		`{"pin":"4711","x":"a1b2c"}`: `{"pin":` + Redacted + `,"x":` + Redacted + `}`,
		`"{\"pin\":\"4711\"}"`:       `"{\"pin\":` + Redacted + `}"`,
		`port 4711 of "prod", "443"`: `port 4711 of "prod", "443"`,
	} {
		if got := r.String(text); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

func FuzzRedactor(f *testing.F) {
	f.Add("hunter2hunter2", "a hunter2hunter2 b", 5)
	f.Add("aaaaaaaa", "aaaaaaaaaaaa", 3)
	f.Fuzz(func(t *testing.T, secret, text string, at int) {
		r := newRedactor([]string{secret})
		var out bytes.Buffer
		w := r.Writer(&out)
		at = max(0, min(at, len(text)))
		_, _ = w.Write([]byte(text[:at]))
		_, _ = w.Write([]byte(text[at:]))
		_ = w.Close()
		if whole := r.String(text); whole != out.String() {
			t.Errorf("split at %d: %q, whole: %q", at, out.String(), whole)
		}
		if len(secret) >= shortestSecret && !strings.Contains(Redacted, secret) &&
			strings.Contains(strings.ReplaceAll(out.String(), Redacted, "\x00"), secret) {
			t.Errorf("%q left in %q", secret, out.String())
		}
	})
}

func BenchmarkRedactor(b *testing.B) {
	var secrets []string
	for n := range 20 {
		secrets = append(secrets, fmt.Sprintf("s3cret-value-number-%d", n))
	}
	r := newRedactor(secrets)
	text := strings.Repeat(`      + name = "something quite usual s3cret-val" `+"\n", 20_000)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.String(text)
	}
}
