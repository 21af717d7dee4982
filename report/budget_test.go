package report

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lockkeeper/lockkeeper/markdown"
	"github.com/lockkeeper/lockkeeper/report/view/viewtest"
	"github.com/lockkeeper/lockkeeper/run"
)

var notShown = regexp.MustCompile(`\*\*([0-9,]+) address(?:es are| is) not shown here\*\*`)

// T43: however much there is, the comment fits, the total is exact, and each
// destroyed address is shown or counted as not shown.
func TestDestroysAreShownOrCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		projects := rapid.IntRange(1, 30).Draw(t, "projects")
		each := rapid.IntRange(1, 60).Draw(t, "destroys of each")
		failing := rapid.IntRange(0, 30).Draw(t, "failing")
		width := rapid.IntRange(1, 200).Draw(t, "width")
		f := viewtest.New("rb")
		for p := range projects {
			var list []run.Change
			for i := range each {
				list = append(list, viewtest.Change(run.ActionDestroy, fmt.Sprintf("addr_%d_%d_%s_end", p, i, strings.Repeat("w", width))))
			}
			f.Planned(fmt.Sprintf("project-%d", p), "prod", viewtest.Changes(list...))
		}
		for p := range failing {
			f.Failed(fmt.Sprintf("broken-%d", p), "prod", run.Problem{Message: fmt.Sprintf("Broken %d.", p), Detail: strings.Repeat("line\n", 400)})
		}
		body := Comment(f.Input())
		if len(body) > commentBudget {
			t.Fatalf("%d bytes", len(body))
		}
		if !strings.Contains(body, number(projects*each)+" to destroy") {
			t.Fatalf("the total of %d is missing", projects*each)
		}
		caution, _, _ := strings.Cut(body, "will be destroyed") // the alert and its lists stand before the diffs
		shown := map[string]bool{}
		for _, a := range regexp.MustCompile(`addr_[0-9]+_[0-9]+_w+_end`).FindAllString(caution, -1) {
			shown[a] = true
		}
		hidden := 0
		if m := notShown.FindStringSubmatch(body); m != nil {
			hidden, _ = strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		}
		if len(shown)+hidden != projects*each && hidden != 0 || len(shown) < projects*each && hidden == 0 {
			t.Fatalf("%d shown and %d counted as not shown, of %d", len(shown), hidden, projects*each)
		}
		for p := range failing {
			if name := fmt.Sprintf("broken-%d", p); strings.Count(body, "**"+name+"** failed") != 1 {
				t.Fatalf("the failure of %s is missing", name)
			}
		}
	})
}

func TestEachLineOfADiffHasItsSign(t *testing.T) {
	s := viewtest.Changes(viewtest.Change(run.ActionDestroy, "a\n+ b", run.Attribute{Path: "p\nq", Before: "1\r\n2\u20283\u20294\n\n5\x1b[31m"}))
	text, _ := diff(&s, 10_000)
	text = markdown.Clean(text) // what the fence shows
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if !strings.HasPrefix(line, "-") {
			t.Errorf("the line %q has no sign in:\n%s", line, text)
		}
	}
}

func TestEachLineOfATextHasItsSign(t *testing.T) {
	s := viewtest.Changes(viewtest.Change(run.ActionUpdate, "a", run.Attribute{Path: "p\nq", Lines: "-a\u2028b\n c\u2029+ d\n\n#e\n+f"}, run.Attribute{Path: "r", Note: "n\n+ m"}))
	text, _ := diff(&s, 10_000)
	const want = "! a will be changed\n" +
		"      p q = <<EOT\n-         a\n-         b\n          c\n          + d\n\n#         e\n+         f\n      EOT\n" +
		"#     r: n + m\n"
	if got := markdown.Clean(text); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A resource that is forgotten stays, so nothing of it is red.
func TestWhatIsForgottenIsNotShownAsDestroyed(t *testing.T) {
	s := viewtest.Changes(viewtest.Change(run.ActionForget, "a.b", run.Attribute{Path: "name", Before: "<<EOT\nx\nEOT"}, run.Attribute{Path: "size", Before: "1"}))
	text, _ := diff(&s, 10_000)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			t.Errorf("%q in:\n%s", line, text)
		}
	}
	if !strings.Contains(text, "forgotten, not destroyed") || !strings.Contains(text, "      size = 1\n") {
		t.Errorf("got:\n%s", text)
	}
}

func TestRowsThatDoNotFitAreAddedUp(t *testing.T) {
	f := viewtest.New("rt")
	for i := range 900 {
		f.Planned(fmt.Sprintf("service-%03d-%s", i, strings.Repeat("n", 60)), "production-europe", viewtest.Changes(
			viewtest.Change(run.ActionCreate, fmt.Sprintf("a.b%d", i))))
	}
	body := Comment(f.Input())
	if len(body) > commentBudget {
		t.Errorf("%d bytes", len(body))
	}
	m := regexp.MustCompile(`and \*\*([0-9]+) more projects\*\*: ([0-9]+) to add`).FindStringSubmatch(body)
	rows := strings.Count(body, "\n| service-")
	if m == nil || m[1] != m[2] || fmt.Sprint(900-rows) != m[1] {
		t.Errorf("%d rows are shown, and the rest is %q", rows, m)
	}
}

func TestShares(t *testing.T) {
	cases := map[string]struct {
		sizes  []int
		budget int
		want   []int
	}{
		"all fit":               {[]int{100, 200}, 1_000, []int{100, 200}},
		"the long one is cut":   {[]int{100, 9_000, 200}, 4_000, []int{100, 3_700, 200}},
		"long ones share":       {[]int{9_000, 9_000}, 4_000, []int{2_000, 2_000}},
		"the later is left out": {[]int{9_000, 9_000, 9_000}, 4_000, []int{2_000, 2_000}},
		"none fits":             {[]int{9_000}, 1_000, []int{}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := shares(c.sizes, c.budget); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("shares %v, want %v", got, c.want)
			}
		})
	}
}

func TestAPlanOfFiftyMegabytesIsCut(t *testing.T) {
	f := viewtest.New("rh")
	value := strings.Repeat("0123456789abcdef", 4_096)
	var list []run.Change
	for i := range 400 {
		list = append(list, viewtest.Change(run.ActionUpdate, fmt.Sprintf("a.b[%d]", i), run.Attribute{Path: "v", Before: value, After: value + "x"}))
	}
	huge := viewtest.Changes(list...)
	huge.Digest = "huge"
	f.Planned("huge", "prod", huge)
	start := time.Now()
	body := Comment(f.Input())
	t.Logf("%d bytes after %s", len(body), time.Since(start))
	if len(body) > commentBudget || !strings.Contains(body, "huge in prod: 400 to change") || !strings.Contains(body, "more resources are left out") {
		t.Errorf("the comment has %d bytes:\n%s", len(body), body[:400])
	}
}
