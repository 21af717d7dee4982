package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/sandbox"
)

func TestTheApplyButtonAsksTheGateAboutWhoPressedIt(t *testing.T) {
	s := newStory(t, approvals(1))
	n := s.planned("a")
	button := func(check, identifier string) int64 {
		t.Helper()
		c := s.check1(n, check)
		for _, a := range c.Actions {
			if a.Identifier == identifier {
				return c.ID
			}
		}
		t.Fatalf("%s has no button %s: %+v", check, identifier, c.Actions)
		return 0
	}
	press := func(who string) {
		t.Helper()
		s.check(s.world.GitHub.As(who).Press(sandbox.Repository, button("lockkeeper/plan", "apply"), "apply"))
		s.quiet()
	}
	press(sam)
	s.refused(n, "write access")
	press(ana)
	s.refused(n, "approval")
	s.approve(rui, n)
	press(ana)
	if !s.applied("a") {
		t.Fatalf("not applied:\n%s", s.conversation(n))
	}
	if r := s.applies(n)[0]; r.Trigger != run.TriggerButton || r.Actor != ana {
		t.Errorf("the apply is of %s by %s", r.Trigger, r.Actor)
	}
}

func TestTheApplyButtonOfAnOlderCommitAppliesNothing(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	old := s.check1(n, "lockkeeper/plan").ID
	_, err := s.world.GitHub.As(ana).Push(sandbox.Repository, "a", "second", aChange("second"))
	s.check(err)
	s.quiet()
	s.check(s.world.GitHub.As(ana).Press(sandbox.Repository, old, "apply"))
	s.quiet()
	s.refused(n)
	s.says(ana, n, "/apply")
	if !s.applied("second") {
		t.Errorf("not applied:\n%s", s.conversation(n))
	}
}

func TestTheUnlockButtonGivesTheLockToWhoWaits(t *testing.T) {
	s := newStory(t)
	first, second := s.planned("a"), s.planned("b")
	press := func(who string) {
		t.Helper()
		s.check(s.world.GitHub.As(who).Press(sandbox.Repository, s.check1(first, "lockkeeper/plan").ID, "unlock"))
		s.quiet()
	}
	press(sam)
	s.wants(s.last(first), "write access")
	s.holds(first)
	press(rui)
	s.wants(s.last(first), "Released `network-dev`")
	s.holds(second)
}

// t_forge: what runs in a plan has stolen the webhook secret, signs a press of
// the Apply button by the one person who may apply, and posts it to the server.
func TestForgeAPressThatGitHubNeverSentAppliesNothing(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"approvals": 0, "apply": []string{rui}}))
	n := s.planned("a")
	check := s.check1(n, "lockkeeper/plan")
	s.check(s.world.GitHub.As(rui).Press(sandbox.Repository, check.ID, "plan")) // a real press, to copy from
	s.quiet()
	body := s.lastPress()
	if !bytes.Contains(body, []byte(`{"identifier":"plan"}`)) {
		t.Fatalf("no press in %s", body)
	}
	body = bytes.Replace(body, []byte(`{"identifier":"plan"}`), []byte(`{"identifier":"apply"}`), 1)
	s.world.GitHub.ResetRequests()
	if status := s.post("check_run", "00000000-0000-0000-0000-000000000001", body); status != http.StatusOK {
		t.Fatalf("answered %d: the signature is good, so it should be taken", status)
	}
	s.poll("GitHub to be asked twice", func() bool {
		return s.world.GitHub.Requests()["GET /app/hook/deliveries"] >= 2 || len(s.applies(n)) > 0
	})
	if len(s.applies(n)) > 0 {
		t.Error("an apply was begun")
	}
	s.untouchedState()
	s.check(s.world.GitHub.As(rui).Press(sandbox.Repository, check.ID, "apply"))
	s.poll("the real press to be applied", func() bool { r := s.applies(n); return len(r) > 0 && r[0].State.Final() })
	if !s.applied("a") {
		t.Errorf("the real press is not applied:\n%s", s.conversation(n))
	}
}

// t_forge: a signed event says that a pull request was closed, which is open.
func TestForgeACloseThatGitHubDoesNotConfirmReleasesNothing(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	s.holds(n)
	var body []byte
	for _, d := range s.world.GitHub.Deliveries() {
		if d.Event == "pull_request" && d.Action == "opened" {
			body = d.Payload
		}
	}
	const opened = `"action":"opened"`
	if !bytes.Contains(body, []byte(opened)) {
		t.Fatalf("nothing was opened in %s", body)
	}
	body = bytes.Replace(body, []byte(opened), []byte(`"action":"closed"`), 1)
	if status := s.post("pull_request", "00000000-0000-0000-0000-000000000002", body); status != http.StatusOK {
		t.Fatalf("answered %d: the signature is good, so it should be taken", status)
	}
	s.quiet()
	s.holds(n)
	s.check(s.world.GitHub.As(ana).ClosePull(sandbox.Repository, n))
	s.quiet()
	s.holds(0)
}

// lastPress is the newest press that GitHub sent.
func (s *story) lastPress() []byte {
	for _, d := range slices.Backward(s.world.GitHub.Deliveries()) {
		if d.Event == "check_run" && d.Action == "requested_action" {
			return d.Payload
		}
	}
	return nil
}

// post sends what anybody can send who knows the webhook secret.
func (s *story) post(event, guid string, body []byte) (status int) {
	s.Helper()
	mac := hmac.New(sha256.New, []byte(s.world.WebhookSecret))
	mac.Write(body)
	req, err := http.NewRequest(http.MethodPost, s.hook, bytes.NewReader(body))
	s.check(err)
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": guid,
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	s.check(err)
	s.check(resp.Body.Close())
	return resp.StatusCode
}

func (s *story) untouchedState() {
	s.Helper()
	if strings.Contains(s.state("network-dev"), `"extra"`) {
		s.Error("something was applied")
	}
}

func TestAnApplyByButtonCostsTwelveCalls(t *testing.T) {
	s := newStory(t)
	n := s.planned("a")
	s.world.GitHub.ResetRequests()
	s.check(s.world.GitHub.As(ana).Press(sandbox.Repository, s.check1(n, "lockkeeper/plan").ID, "apply"))
	s.quiet()
	total := 0
	for operation, count := range s.world.GitHub.Requests() {
		if operation == "GET /app/hook/deliveries" {
			if count > 3 {
				t.Errorf("looked for the press %d times", count)
			}
			count = 1 // GitHub lists a delivery when it was answered: one that is looked for earlier is looked for again
		}
		total += count
	}
	if total > 12 || !s.applied("a") {
		t.Errorf("%d calls: %v", total, s.world.GitHub.Requests())
	}
}

func TestAnEnvironmentWithoutButtonsOffersPlanAgainAlone(t *testing.T) {
	s := newStory(t, rules("dev", map[string]any{"buttons": false}))
	n := s.planned("a")
	if c := s.check1(n, "lockkeeper/plan"); len(c.Actions) != 1 || c.Actions[0].Identifier != "plan" {
		t.Errorf("offers %+v", c.Actions)
	}
}
