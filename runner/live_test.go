package runner

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// liveJob is a job whose steps are shown into a text.
func liveJob(t *testing.T, secrets ...string) (j *job, printed func(string), shown *strings.Builder) {
	t.Helper()
	shown = &strings.Builder{}
	j = newJob(Options{Dir: t.TempDir()}, nil)
	j.live, j.secrets = shown, newRedactor(secrets)
	f, err := os.Create(j.path(printedFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return j, func(s string) {
		if _, err := f.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}, shown
}

// T41: whatever part of a secret terraform has printed when somebody looks, none
// of it is shown, and what stands before it is not held back.
func TestT41_LiveLinesHideSecretsWhereverALookSplitsThem(t *testing.T) {
	const secret = "first line of a key\nsecond line of a key\nlast-line-of-it"
	const text = "before\nkey = " + secret + " end\nafter\n"
	for at := range len(text) {
		j, printed, shown := liveJob(t, secret, strings.Repeat("long ", 2000))
		l := j.liveOf("apply")
		for _, part := range []string{text[:at], text[at:]} {
			printed(part)
			if err := l.pass(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(shown.String(), "first") || strings.Contains(shown.String(), "-of-it") {
				t.Fatalf("split at %d:\n%s", at, shown)
			}
			if part == text[:at] && at > len("before\n") && !strings.Contains(shown.String(), "before\n") {
				t.Fatalf("split at %d, the line before it is held back:\n%s", at, shown)
			}
		}
		if want := "$ terraform apply\nbefore\nkey = (redacted) end\nafter\n"; shown.String() != want {
			t.Fatalf("split at %d: %s", at, cmp.Diff(want, shown.String()))
		}
	}
}

func TestLiveLinesAreWholeLinesOfPlainTextAndFew(t *testing.T) {
	j, printed, shown := liveJob(t)
	l := j.liveOf("apply")
	look := func(text, want string) {
		t.Helper()
		printed(text)
		shown.Reset()
		if err := l.pass(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, shown.String()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	look("", "$ terraform apply\n")
	look("a.b: Creat", "")
	look("ing...\x1b[31m red\x1b[0m\r\na.b: Still", "a.b: Creating... red\n")
	look(" creating...\n"+strings.Repeat("x", 2*liveLine)+"\nnext\n", "a.b: Still creating...\n"+strings.Repeat("x", liveLine)+"…\nnext\n")
	look("gone\n"+strings.Repeat("line\n", liveLines), "…\n"+strings.Repeat("line\n", liveLines))
	look("bad \xff utf-8\n", "bad \uFFFD utf-8\n")
	look("no end", "")
	if err := l.end(); err != nil || shown.Len() != 0 {
		t.Errorf("half a line is shown: %q, %v", shown, err)
	}
}

// What a plan prints may hold values that only its JSON marks as sensitive.
func TestT41_OfAPlanOnlyProgressIsShownWhileItRuns(t *testing.T) {
	j, printed, shown := liveJob(t)
	printed(`data.aws_ami.a: Reading...
module.net["a: b [0]"].aws_vpc.this[0]: Refreshing state... [id=an-id-that-may-be-secret: Reading...]
data.aws_ami.a: Still reading... [10s elapsed]
data.aws_ami.a: Still reading... [01m10s elapsed]
data.aws_ami.a: Read complete after 12s [id=hunter2]
ephemeral.vault.a: Opening complete after 0s
aws_vpc.b: Preparing import... [id=hunter2]
hunter2
  ~ password = "hunter2"
        hunter2: Reading...
hunter2 hunter2: Reading...
+ hunter2: Reading...
aws_vpc.b: Reading... hunter2
Warning: hunter2
`)
	l := j.liveOf("plan")
	if err := l.pass(); err != nil {
		t.Fatal(err)
	}
	const want = `$ terraform plan
data.aws_ami.a: Reading...
module.net["a: b [0]"].aws_vpc.this[0]: Refreshing state...
data.aws_ami.a: Still reading... [10s elapsed]
data.aws_ami.a: Still reading... [01m10s elapsed]
data.aws_ami.a: Read complete after 12s
ephemeral.vault.a: Opening complete after 0s
aws_vpc.b: Preparing import...
`
	if diff := cmp.Diff(want, shown.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	shown.Reset()
	if err := j.liveOf("show").pass(); err != nil || shown.String() != "$ terraform show\n" {
		t.Errorf("of show: %q, %v", shown, err)
	}
}
