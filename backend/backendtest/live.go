package backendtest

import (
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
)

// LiveLines plans and applies with the fake terraform, and wants to see of both
// what people may see before they end: the progress of the plan, all that the
// apply prints, and nowhere the value of the variable LEAK, a secret that the
// caller gave the jobs of doc.
func LiveLines(t *testing.T, b run.Backend, inbox *Inbox, doc run.JobDocument, leak string) {
	t.Helper()
	s := NewSignals(t)
	doc.Project.Terraform, doc.Flags = Fake, append(doc.Flags, s.Flag())
	shows := func(doc run.JobDocument, want string) {
		t.Helper()
		var text string
		Eventually(t, "the lines are shown", func() bool {
			var err error
			if text, err = b.(run.Tailer).Tail(t.Context(), doc); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, leak) || strings.Contains(text, "password") {
				t.Fatalf("a secret is shown:\n%s", text)
			}
			return strings.Contains(text, want)
		})
		if text != want {
			t.Errorf("shown is %q, want %q", text, want)
		}
	}
	nothing := func(doc run.JobDocument) {
		t.Helper()
		if text, err := b.(run.Tailer).Tail(t.Context(), doc); text != "" || err != nil {
			t.Errorf("before it began: %q, %v", text, err)
		}
	}
	nothing(doc)
	start(t, b, doc)
	shows(doc, "$ terraform plan\ndata.fake.this: Reading...")
	s.Go(t)
	planned := inbox.Finished(t, doc.JobID)
	if planned.Outcome != run.OutcomeSucceeded {
		t.Fatalf("planning: %+v", planned.Problem)
	}
	apply := Apply(doc, planned)
	nothing(apply)
	start(t, b, apply)
	shows(apply, "$ terraform apply\nresource: Creating...\nit is (redacted)")
	s.Apply().Go(t)
	if r := inbox.Finished(t, apply.JobID); r.Outcome != run.OutcomeSucceeded {
		t.Errorf("applying: %+v", r.Problem)
	}
}
