package toolchain

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/go-version"

	"github.com/lockkeeper/lockkeeper/run"
)

// parseVersion reads what "terraform version" and "tofu version" begin with. The
// JSON form does not tell the two apart.
func parseVersion(output string) (Binary, error) {
	firstLine := regexp.MustCompile(`^(Terraform|OpenTofu) v([0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*)\s`)
	m := firstLine.FindStringSubmatch(output)
	if m == nil {
		return Binary{}, fmt.Errorf("it printed %.80q, which is neither Terraform nor OpenTofu", output)
	}
	return Binary{Product: m[1], Version: m[2]}, nil
}

func (b Binary) acceptable() error {
	v, err := version.NewVersion(b.Version)
	if err != nil {
		return fmt.Errorf("version of %s: %w", b.Path, err)
	}
	if v.LessThan(version.Must(version.NewVersion(minimum))) {
		return fmt.Errorf("%s is %s; the oldest version that is safe to use is %s, install a newer one", b.Path, b, minimum)
	}
	return nil
}

// Default is the binary for projects that name no version.
func (t *Toolchain) Default() Binary { return t.binaries[0] }

// Binary finds the binary for a version as a project names it: "1.11.4", a part
// of it such as "1.11", "1.11.x", "tofu 1.10.1", "tofu"; empty is the default.
// When there is none the error is a *run.Problem that says which there are.
func (t *Toolchain) Binary(_ context.Context, wanted string) (Binary, error) {
	if strings.TrimSpace(wanted) == "" {
		return t.Default(), nil
	}
	name, number := "Terraform", strings.TrimSpace(wanted)
	for prefix, p := range map[string]string{"terraform": "Terraform", "tofu": "OpenTofu"} {
		if rest, ok := strings.CutPrefix(number, prefix); ok {
			name, number = p, strings.TrimLeft(rest, " :")
			break
		}
	}
	number = strings.TrimSuffix(strings.TrimPrefix(number, "v"), ".x")
	for _, b := range t.binaries {
		if b.Product == name && (number == "" || b.Version == number || strings.HasPrefix(b.Version, number+".")) {
			return b, nil
		}
	}
	return Binary{}, &run.Problem{
		Code: "terraform_version",
		Message: fmt.Sprintf("This project asks for %s, which this server does not have (it has %s). Ask for one of these in `lockkeeper.yml`, or have the other installed on the server.",
			codeSpan(wanted), t.list()),
	}
}

// Versions are all programs in words, the default first.
func (t *Toolchain) Versions() []string {
	out := make([]string, len(t.binaries))
	for i, b := range t.binaries {
		out[i] = b.String()
	}
	return out
}

func (t *Toolchain) list() string { return strings.Join(t.Versions(), ", ") }

// codeSpan quotes untrusted text for a Markdown sentence. A version has no
// back-tick or line break of its own.
func codeSpan(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '`' || r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return "`" + s + "`"
}
