package runner

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockkeeper/lockkeeper/run"
)

const twoErrors = `Error: Unsupported argument

  on main.tf line 2, in resource "terraform_data" "a":
   2:   inputs = 3

An argument named "inputs" is not expected here. Did you mean "input"?

Error: local-exec provisioner error

  with module.m.terraform_data.b,
  on ../../modules/m/m.tf line 5, in resource "terraform_data" "b":
   5:   provisioner "local-exec" {

Error running command 'exit 3': exit status 3. Output: `

func TestErrorsAreLocatedInTheRepository(t *testing.T) {
	commit := []string{"live/dev/network/main.tf", "modules/m/m.tf", "a.tf"}
	inCommit := func(name string) bool { return slices.Contains(commit, name) }
	text, got := locate(twoErrors, "live", inCommit)
	if text != twoErrors || got[0].Path != "" {
		t.Errorf("a file that the commit does not have is located: %+v in\n%s", got, text)
	}
	text, got = locate(twoErrors, "live/dev/network", inCommit)
	want := []run.Diagnostic{
		{Title: "Unsupported argument", Message: `An argument named "inputs" is not expected here. Did you mean "input"?`, Path: "live/dev/network/main.tf", Line: 2},
		{Title: "local-exec provisioner error", Message: "Error running command 'exit 3': exit status 3. Output:", Address: "module.m.terraform_data.b"},
	}
	if diff := cmp.Diff(want, got); diff != "" { // ../../modules is live/modules there
		t.Error(diff)
	}
	if !strings.Contains(text, "  on live/dev/network/main.tf line 2, in resource") || !strings.Contains(text, "  on ../../modules/m/m.tf line 5") {
		t.Errorf("the text is\n%s", text)
	}
	_, got = locate(twoErrors, "envs/dev", inCommit)
	want[0].Path, want[0].Line, want[1].Path, want[1].Line = "", 0, "modules/m/m.tf", 5
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatAJobPrintsLocatesNothingOutsideOfTheCommit(t *testing.T) {
	every := func(name string) bool { return name == "live/dev/a.tf" || name == "a.tf" }
	for _, on := range []string{
		"  on /etc/passwd line 1:", "  on ../../../etc/passwd line 1:", "  on a.tf line 0:", "  on a.tf line 99999999999999999999:", "  on .. line 1:", "  on ../.. line 1:",
		"on a.tf line 1:", "  on  line 1:", "  on a.tf line -1:", "  on a\x00/../../../b line 1:",
	} {
		if _, got := locate("Error: x\n\n"+on+"\n", "live/dev", every); len(got) != 1 || got[0].Path != "" {
			t.Errorf("%q is located at %+v", on, got)
		}
	}
	if _, got := locate(strings.Repeat("Error: x\n\n  on a.tf line 1:\n\n"+strings.Repeat("y", 5000)+"\n", 300), ".", every); len(got) != mostDiagnostics || len(got[0].Message) > diagnosticText {
		t.Errorf("%d diagnostics of %d bytes", len(got), len(got[0].Message))
	}
}

func TestAnErrorThatOnlyAnnouncesOthersIsLeftOut(t *testing.T) {
	got := relevant("Initializing\n\nError: Terraform encountered problems during initialisation, including problems\nwith the configuration, described below.\n\n\n" + twoErrors)
	if got != strings.TrimSpace(twoErrors) {
		t.Errorf("got\n%s", got)
	}
}
