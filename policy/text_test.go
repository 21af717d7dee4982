package policy

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(go test ./policy -update rewrites it)\n%s", diff)
	}
}

// TestEveryDenialSaysWhatToDo writes down what is said to people in each case
// of the corpus.
func TestEveryDenialSaysWhatToDo(t *testing.T) {
	var b strings.Builder
	for _, d := range denials {
		f := applicable()
		d.change(&f, &f.Projects[0])
		fmt.Fprintf(&b, "%s, %s\n    %s\n", d.predicate, d.name, Apply(f).Explain())
	}
	golden(t, "denials.txt", b.String())
}

// TestWhy writes down whole lists and refusals.
func TestWhy(t *testing.T) {
	cases := []struct {
		name    string
		verdict func() Verdict
	}{
		{"everything is fine", func() Verdict { return Apply(applicable()) }},
		{"one project has no plan", func() Verdict { return Apply(denial{change: func(_ *Facts, p *Project) { p.Plan = nil }}.facts()) }},
		{"nothing is fine", func() Verdict {
			f := Facts{ByPerson: true, Fork: true, CommentChanged: true, Conflicts: true, Draft: true, HeadSHA: headSHA, BaseRef: "main", Repository: "acme/infra"}
			f.Projects = []Project{applicableProject("app"), {Name: "network-prod", Environment: "prod"}}
			return Apply(f)
		}},
		{"approvals that do not count", func() Verdict {
			f := applicable()
			f.Reviews[0].Commit = oldSHA
			f.review("ben", "APPROVED", headSHA, "write")
			f.review("eve", "APPROVED", headSHA, "read")
			f.review("build[bot]", "APPROVED", headSHA, "write")
			f.Reviews[len(f.Reviews)-1].Bot = true
			return Apply(f)
		}},
		{"commits without an account", func() Verdict {
			f := applicable()
			f.Unattributed = 2
			return Apply(f)
		}},
		{"a project that is named is not changed", func() Verdict {
			f := applicable()
			f.Projects = append(f.Projects, Project{Name: "app", Environment: "prod", Rules: f.Projects[0].Rules})
			return Apply(f)
		}},
		{"somebody decided so", func() Verdict {
			f := applicable()
			f.Override, f.Confirm = true, "network-prod"
			f.Projects = append(f.Projects, applicableProject("app"))
			f.Projects[0].Plan.Denied, f.Projects[0].Plan.Changes = []string{"no public buckets", "tags are missing"}, destroysDatabase
			return Apply(f)
		}},
		{"a fourth of many projects is behind", func() Verdict { return Apply(manyProjects(40, 0)) }},
		{"planning is for some", func() Verdict {
			f := applicable()
			f.Actor = "eve"
			return Plan(f)
		}},
		{"the lock of another pull request", func() Verdict {
			f := applicable()
			f.Actor, f.Projects[0].HeldBy = "eve", 12
			return Unlock(f, false)
		}},
		{"no plan policy", func() Verdict {
			f := applicable()
			f.Projects[0].Plan.Ruled = false
			return Apply(f)
		}},
		{"next in the queue of a lock that nobody holds", func() Verdict {
			f := applicable()
			f.Projects[0].Held, f.Projects[0].Place = false, 1
			return Apply(f)
		}},
		{"second in the queue of a lock that nobody holds", func() Verdict {
			f := applicable()
			f.Projects[0].Held, f.Projects[0].Place = false, 2
			return Apply(f)
		}},
		{"the lock of another pull request, for nobody", func() Verdict {
			f := applicable()
			f.Projects[0].Rules.Unlock = nil
			return Unlock(f, false)
		}},
	}
	var b strings.Builder
	for _, c := range cases {
		v := c.verdict()
		fmt.Fprintf(&b, "## %s: %v\n\n%s", c.name, v.Allowed, v.Why())
		if !v.Allowed {
			fmt.Fprintf(&b, "\n### refused\n\n%s\n", v.Explain())
		}
		for _, r := range v.Exceptions() {
			fmt.Fprintf(&b, "\n### exception\n\n%s\n", r.Text)
		}
		b.WriteString("\n")
	}
	golden(t, "why.md", b.String())
}

// manyProjects are projects of which every fourth says something of its own.
func manyProjects(n, reviews int) Facts {
	f := applicable()
	f.Projects = nil
	for i := range n {
		p := applicableProject(fmt.Sprintf("project-%03d", i))
		if i%4 == 0 {
			p.Rules.Current, p.BaseChanged = CurrentProject, []string{fmt.Sprintf("modules/m%d/main.tf", i)}
		}
		f.Projects = append(f.Projects, p)
	}
	for i := range reviews {
		f.review(fmt.Sprintf("reviewer-%d", i), "APPROVED", headSHA, "write")
	}
	return f
}

func TestListsAreBounded(t *testing.T) {
	f := manyProjects(5000, 0)
	for i := range f.Projects {
		f.Projects[i].Plan.Denied = []string{strings.Repeat("x", 1000), fmt.Sprint(i)}
	}
	v := Apply(f)
	if n := len(v.Why()); n > whyBytes+100 {
		t.Errorf("/why has %d bytes", n)
	}
	if why := v.Why(); !regexp.MustCompile(`- and \d+ more reasons, [1-9]\d+ of them missing\n$`).MatchString(why) {
		t.Errorf("/why ends with %q", why[len(why)-100:])
	}
	if n := len(v.Explain()); n > 16<<10 || !strings.HasSuffix(v.Explain(), "more: `/why` shows all.") {
		t.Errorf("a refusal has %d bytes and ends with %q", n, v.Explain()[n-100:])
	}
	if len(v.Missing()) < 5000 || v.Silent() {
		t.Error("what is missing is cut where it decides")
	}
}

// TestHostileNamesStayInTheirSpan puts what somebody may have chosen into every
// text: it mentions nobody, links nowhere and begins no line.
func TestHostileNamesStayInTheirSpan(t *testing.T) {
	const hostile = "@all` <img src=x>\n# [x](http://evil) \u202e||"
	span := regexp.MustCompile("`[^`\n]*`")
	check := func(t *testing.T, texts ...string) {
		for _, text := range texts {
			outside := span.ReplaceAllString(text, "")
			if strings.ContainsAny(outside, "@<>`|\u202e") || strings.Contains(outside, "evil") || strings.Contains(outside, "\n#") {
				t.Errorf("%q gets out as %q", text, outside)
			}
		}
	}
	for _, d := range denials {
		t.Run(d.predicate+" "+d.name, func(t *testing.T) {
			f := d.facts()
			poison(&f, hostile)
			for _, v := range []Verdict{Apply(f), Plan(f), Unlock(f, false)} {
				check(t, v.Why(), v.Explain())
				for _, r := range append(v.Missing(), v.Exceptions()...) {
					check(t, r.Text)
				}
			}
		})
	}
}

func poison(f *Facts, text string) {
	f.Actor, f.Author, f.Repository, f.BaseRef, f.BaseSHA, f.HeadSHA, f.Confirm = text, text, text, text, text, text, text
	f.Override = true
	for i := range f.Reviews {
		f.Reviews[i].Login += text
	}
	for i := range f.Checks {
		f.Checks[i].Conclusion += text
	}
	for i := range f.Projects {
		p := &f.Projects[i]
		p.Name, p.Dir, p.Environment, p.Owners = p.Name+text, p.Dir+text, text, []string{text}
		p.BaseChanged, p.Running = append(p.BaseChanged, text), append(p.Running, text)
		r := &p.Rules
		r.ApprovedBy, r.Plan, r.Apply, r.Unlock, r.RequiredChecks = []string{text}, []string{text}, []string{text}, []string{text}, []string{text}
		r.Override = [][]string{{text}, {"@" + text}, nil}[i%3]
		if i == 0 {
			r.Current = Current(text)
		}
		if p.Plan != nil {
			p.Plan.HeadSHA, p.Plan.BaseSHA, p.Plan.Denied = text, text, []string{text}
			p.Plan.Changes = []Change{{Address: text, Type: "aws_db_instance"}}
		}
	}
}

func TestPeriod(t *testing.T) {
	for d, want := range map[time.Duration]string{
		168 * time.Hour: "7 days", 48 * time.Hour: "2 days", 24 * time.Hour: "24h", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m", 20 * time.Minute: "20m", 90 * time.Second: "1m30s", 10 * time.Hour: "10h", time.Hour + 10*time.Second: "1h0m10s",
	} {
		if got := period(d); got != want {
			t.Errorf("%v is %q", d, got)
		}
	}
}

// BenchmarkApply is the gate's decision without network: 200 projects, 250
// reviews by 250 people.
func BenchmarkApply(b *testing.B) {
	f := manyProjects(200, 250)
	for i := range f.Projects {
		f.Projects[i].Rules.ProtectedApprovals = 300
		f.Projects[i].Plan.Changes = destroysDatabase
	}
	for b.Loop() {
		if Apply(f).Allowed {
			b.Fatal("allowed")
		}
	}
}
