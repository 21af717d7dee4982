package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestT19_WhoseApprovalCounts is every kind of reviewer against every rule that
// asks for an approval, as GitHub gives them.
func TestT19_WhoseApprovalCounts(t *testing.T) {
	const one, owner, team = 1, 2, 4 // of the rules, those that the approval meets
	approval := func(login, permission string) Review {
		return Review{Login: login, State: "APPROVED", Commit: headSHA, Permission: permission, At: noon}
	}
	kinds := []struct {
		kind   string
		review Review
		change func(*Facts)
		meets  int
	}{
		{"the author", approval("ana", "admin"), nil, 0},
		{"the author, written otherwise", approval("ANA", "admin"), nil, 0},
		{"a committer", approval("rita", "write"), func(f *Facts) { f.Contributors = append(f.Contributors, "Rita") }, 0},
		{"a co-author", approval("rita", "admin"), func(f *Facts) { f.Contributors = append(f.Contributors, "rita") }, 0},
		{"who pushed the head", approval("rita", "write"), func(f *Facts) { f.Pushers = append(f.Pushers, "Rita") }, 0},
		{"anybody, when an App pushed what somebody told it to", approval("rita", "admin"), func(f *Facts) {
			f.Pushers, f.PushedFor = []string{"github-actions[bot]"}, []string{"github-actions[bot]"}
		}, 0},
		{"anybody, when nobody knows who pushed the head", approval("rita", "admin"), func(f *Facts) { f.Pushers = nil }, 0},
		{"who comments /apply", approval("rita", "write"), func(f *Facts) { f.Actor = "rita" }, one},
		{"a reader", approval("rita", "read"), nil, 0},
		{"triage, which is read in the legacy value", approval("rita", "read"), nil, 0},
		{"triage, by its own name", approval("rita", "triage"), nil, 0},
		{"an outside collaborator who may write", approval("rita", "write"), nil, one},
		{"somebody who is gone", approval("", "none"), nil, 0},
		{"somebody who is gone and could write", approval("", "write"), nil, 0},
		{"the ghost", approval("ghost", "none"), nil, 0},
		{"a suspended user", approval("rita", "none"), nil, 0},
		{"somebody nobody asked about", approval("rita", ""), nil, 0},
		{"a bot", Review{Login: "dependabot[bot]", State: "APPROVED", Commit: headSHA, Permission: "write", Bot: true, At: noon}, nil, 0},
		{"an App", Review{Login: "approver[bot]", State: "APPROVED", Commit: headSHA, Permission: "admin", Bot: true, At: noon}, nil, 0},
		{"a member of the team", approval("Tess", "write"), nil, one | team},
		{"a member of the team who may not write", approval("tess", "read"), nil, 0},
		{"an owner", approval("olga", "write"), nil, one | owner},
		{"an owner by team", approval("otto", "write"), nil, one | owner},
		{"an owner who wrote it", approval("olga", "write"), func(f *Facts) { f.Contributors = append(f.Contributors, "olga") }, 0},
		{"an administrator", approval("rita", "admin"), nil, one},
		{"anybody, when a commit has no account", approval("rita", "admin"), func(f *Facts) { f.Unattributed = 1 }, 0},
		{"anybody, when nobody knows who wrote it", approval("rita", "admin"), func(f *Facts) { f.Contributors = nil }, 0},
		{"anybody, when the author is gone", approval("rita", "admin"), func(f *Facts) { f.Author = "" }, 0},
	}
	for _, k := range kinds {
		f := applicable()
		f.Members = map[string][]string{"acme/platform": {"tess"}, "acme/owners": {"Otto"}}
		f.Reviews = []Review{k.review}
		f.Contributors = []string{"ben"}
		f.Actor = "tess" // may apply, and approves nothing
		if k.change != nil {
			k.change(&f)
		}
		for rule, ask := range map[int]Rules{one: {Approvals: 1}, owner: {CodeOwners: true}, team: {ApprovedBy: []string{"acme/platform"}}} {
			p := applicableProject("network-prod")
			p.Owners = []string{"@olga", "@acme/Owners"}
			ask.Current = CurrentOff
			p.Rules = ask
			f.Projects = []Project{p}
			if got, want := Apply(f).Allowed, k.meets&rule != 0; got != want {
				t.Errorf("%s: allowed %v, want %v, by %+v", k.kind, got, want, ask)
			}
		}
	}
}

// TestT18_ApprovalIsOfTheHead: the SHA decides, and no time.
func TestT18_ApprovalIsOfTheHead(t *testing.T) {
	for name, commit := range map[string]string{"an older commit": oldSHA, "no commit": "", "a part of it": headSHA[:12]} {
		f := applicable()
		f.Reviews[0].Commit, f.Reviews[0].At = commit, noon.AddDate(1, 0, 0)
		if got := badPredicates(Apply(f)); !slices.Equal(got, []string{"approvals", "code_owners"}) {
			t.Errorf("%s: denied by %q", name, got)
		}
	}
	f := applicable()
	f.Reviews[0].At, f.Reviews[1].At = time.Time{}, noon.AddDate(-1, 0, 0)
	if !Apply(f).Allowed {
		t.Error("the time of an approval counts")
	}
	f.HeadSHA = ""
	f.Reviews[0].Commit, f.Reviews[1].Commit = "", ""
	if !slices.Contains(badPredicates(Apply(f)), "approvals") {
		t.Error("approvals of nothing count for nothing")
	}
}

// TestT21_ApprovalIsOfWhatTheCommitSays: a plan with flags shows more than that.
func TestT21_ApprovalIsOfWhatTheCommitSays(t *testing.T) {
	f := applicable()
	f.Projects[0].Plan.At = noon // after the approvals, of the same commit
	if !Apply(f).Allowed {
		t.Error("a plan of the approved commit needs new approvals")
	}
	f.Projects[0].Plan.Flags = []string{"-replace=aws_lb.public"}
	if got := badPredicates(Apply(f)); !slices.Equal(got, []string{"approvals", "code_owners", "approved_by"}) {
		t.Errorf("a plan with flags that nobody saw is denied by %q", got)
	}
	for i := range f.Reviews {
		f.Reviews[i].At = noon.Add(time.Second)
	}
	if !Apply(f).Allowed {
		t.Error("a plan with flags cannot be approved")
	}
}

// TestT20_ApprovalsAgainstAModel compares random sequences of reviews with the
// model below, up to several pages of them.
func TestT20_ApprovalsAgainstAModel(t *testing.T) {
	const sequences = 100_000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for n := range sequences {
		f := applicable()
		length := random.IntN(24)
		if n%500 == 0 {
			length = 250
		}
		f.Reviews = randomReviews(random, length)
		var approve, object []string
		for _, login := range reviewers {
			a, o := model(f, login)
			if a {
				approve = append(approve, login)
			}
			if o {
				object = append(object, login)
			}
		}
		p := f.Projects[0]
		reviews := f.Reviews
		f.Reviews = deciding(f.Reviews)
		counted, _ := approvers(f, p)
		for i := range counted {
			counted[i] = strings.ToLower(counted[i])
		}
		slices.Sort(counted)
		if diff := cmp.Diff(approve, slices.Compact(counted)); diff != "" {
			t.Fatalf("approvers (-model +policy):\n%s\n%s", diff, brief(reviews))
		}
		if ok := noChangesRequested(f).OK; ok != (len(object) == 0) {
			t.Fatalf("changes are requested by %q and the predicate is %v:\n%s", object, ok, brief(reviews))
		}
		p.Rules.Approvals = 1 + random.IntN(3)
		if ok := approved(f, p).OK; ok != (len(approve) >= p.Rules.Approvals) {
			t.Fatalf("approved by %q of %d and the predicate is %v:\n%s", approve, p.Rules.Approvals, ok, brief(reviews))
		}
	}
}

// A team that is not there has no members, and says so where it is missed.
func TestATeamThatGitHubDoesNotShowIsNamed(t *testing.T) {
	f := applicable()
	p := f.Projects[0]
	p.Owners, p.Rules = []string{"@acme/gone", "@rui"}, Rules{CodeOwners: true, ApprovedBy: []string{"acme/gone"}}
	f.Members, f.Unseen = map[string][]string{"acme/gone": {}}, []string{"acme/gone"}
	f.Reviews = nil
	for _, r := range []Reason{ownerApproved(f, p), approvedByNamed(f, p)} {
		if r.OK || !strings.Contains(r.Text, "names `acme/gone`, which GitHub does not show") {
			t.Errorf("%+v", r)
		}
	}
	f.Reviews = []Review{{Login: "rui", State: "APPROVED", Commit: headSHA, Permission: "write", At: noon}}
	if r := ownerApproved(f, p); !r.OK {
		t.Errorf("another owner approved: %+v", r)
	}
}

// reviewers are who reviews in random sequences: ana opened the pull request
// and ben wrote commits of it.
var reviewers = []string{"ana", "ben", "cleo", "dora", "eve"}

// model says of one person, from the newest review to the oldest, whether it
// approves and whether it objects.
func model(f Facts, login string) (approves, objects bool) {
	for i := len(f.Reviews) - 1; i >= 0; i-- {
		r := f.Reviews[i]
		if strings.ToLower(r.Login) != login {
			continue
		}
		may := r.Permission == "write" || r.Permission == "admin"
		switch r.State {
		case "COMMENTED", "PENDING":
		case "APPROVED":
			return may && !r.Bot && r.Commit == f.HeadSHA && login != "ana" && login != "ben", false
		case "DISMISSED":
			return false, false
		case "CHANGES_REQUESTED":
			return false, may
		}
	}
	return false, false
}

func brief(reviews []Review) string {
	var b strings.Builder
	for _, r := range reviews {
		fmt.Fprintf(&b, "%s %s %.7s %s bot=%v\n", r.Login, r.State, r.Commit, r.Permission, r.Bot)
	}
	return b.String()
}

func randomReviews(random *rand.Rand, n int) []Review {
	states := []string{"APPROVED", "APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"}
	permissions := map[string]string{}
	bots := map[string]bool{}
	for _, login := range reviewers {
		permissions[login] = []string{"admin", "write", "write", "read", "none"}[random.IntN(5)]
		bots[login] = random.IntN(10) == 0
	}
	out := make([]Review, n)
	for i := range out {
		login := reviewers[random.IntN(len(reviewers))]
		out[i] = Review{
			Login: login, State: states[random.IntN(len(states))], Permission: permissions[login], Bot: bots[login],
			Commit: []string{headSHA, headSHA, oldSHA}[random.IntN(3)],
		}
		if random.IntN(4) == 0 {
			out[i].Login = strings.ToUpper(login)
		}
	}
	return out
}

// TestT20_LatestReviewOfEachPersonDecides says the model's rules one by one.
func TestT20_LatestReviewOfEachPersonDecides(t *testing.T) {
	tests := []struct {
		states            string // of one person, in order
		approves, objects bool
	}{
		{"APPROVED", true, false},
		{"COMMENTED", false, false},
		{"PENDING", false, false},
		{"APPROVED COMMENTED", true, false},
		{"APPROVED PENDING", true, false},
		{"APPROVED DISMISSED", false, false},
		{"APPROVED CHANGES_REQUESTED", false, true},
		{"APPROVED CHANGES_REQUESTED COMMENTED", false, true},
		{"APPROVED CHANGES_REQUESTED DISMISSED", false, false},
		{"CHANGES_REQUESTED APPROVED", true, false},
		{"DISMISSED APPROVED", true, false},
		{"APPROVED VETOED", false, true},
		{"VETOED APPROVED", true, false},
		{"approved", false, true},
		{"", false, true},
	}
	for _, tt := range tests {
		f := applicable()
		f.Reviews = nil
		for state := range strings.SplitSeq(tt.states, " ") {
			f.review("rita", state, headSHA, "write")
		}
		f.Reviews = deciding(f.Reviews)
		counted, _ := approvers(f, f.Projects[0])
		if got := len(counted) == 1; got != tt.approves {
			t.Errorf("%s: approves %v", tt.states, got)
		}
		if got := !noChangesRequested(f).OK; got != tt.objects {
			t.Errorf("%s: objects %v", tt.states, got)
		}
	}
}

// TestT20_TwoHundredAndFiftyReviews: nothing depends on how many there are.
func TestT20_TwoHundredAndFiftyReviews(t *testing.T) {
	f := applicable()
	f.Reviews = nil
	for i := range 250 {
		f.review(fmt.Sprintf("r%d", i%125), []string{"APPROVED", "CHANGES_REQUESTED"}[i/125], headSHA, "write")
	}
	if got := badPredicates(Apply(f)); !slices.Contains(got, "approvals") || !slices.Contains(got, "no_changes_requested") {
		t.Errorf("denied by %q", got)
	}
	for i := range 125 {
		f.review(fmt.Sprintf("R%d", i), "APPROVED", headSHA, "write")
		f.Projects[0].Seen[fmt.Sprintf("r%d", i)] = Seen{Sight: SawThis}
	}
	f.Projects[0].Rules.Approvals = 125
	if got := badPredicates(Apply(f)); slices.Contains(got, "approvals") || slices.Contains(got, "no_changes_requested") {
		t.Errorf("denied by %q", got)
	}
}

// TestT19_WhileNobodyKnowsWhoPushed: the sentence says so where an approval would
// count otherwise, and asks for no further approval, which would not help.
func TestT19_WhileNobodyKnowsWhoPushed(t *testing.T) {
	for predicate, rules := range map[string]Rules{
		"approvals": {Approvals: 1}, "code_owners": {CodeOwners: true}, "approved_by": {ApprovedBy: []string{"acme/platform"}},
	} {
		f := applicable()
		f.Pushers, f.Projects[0].Rules = nil, rules
		f.Projects[0].Rules.Current = CurrentOff
		v := Apply(f)
		if got := badPredicates(v); len(got) != 1 || got[0] != predicate {
			t.Errorf("%s: denied by %q", predicate, got)
		}
		if said := v.Explain(); !strings.Contains(said, "says who pushed it") || !strings.Contains(said, "push a new commit") || strings.Contains(said, "ask one of") {
			t.Errorf("%s: %s", predicate, said)
		}
		f.Reviews = nil
		if said := Apply(f).Explain(); strings.Contains(said, "says who pushed") {
			t.Errorf("%s, without an approval: %s", predicate, said)
		}
	}
}
