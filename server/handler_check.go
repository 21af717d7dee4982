package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-github/v60/github"
	"github.com/rs/zerolog"

	"github.com/lockkeeper/lockkeeper/run"
)

// The identifiers of the buttons of our check runs.
const (
	buttonPlan   = "plan"
	buttonApply  = "apply"
	buttonUnlock = "unlock"
)

// labels are what people read on them.
var labels = map[string]string{buttonPlan: "Plan again", buttonApply: "Apply", buttonUnlock: "Unlock"}

// checkRun does what the buttons of our check runs say. GitHub does not check
// what the presser may do; policy does, as for who comments.
type checkRun struct{ *Base }

func (*checkRun) Handles() []string { return []string{"check_run"} }

func (h *checkRun) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.CheckRunEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	if !ok {
		return nil
	}
	if e.GetCheckRun().GetApp().GetID() != h.AppID {
		return h.others(ctx, repo, &e)
	}
	button := wants(&e)
	if button == "" || !person(e.GetSender()) {
		return nil
	}
	// The payload's list of pull requests may be empty or hold others; the run
	// that made the check knows its own.
	before, err := h.Store.Run(ctx, e.GetCheckRun().GetExternalID())
	if errors.Is(err, run.ErrNotFound) || err == nil && (before.Repository.ID != repo.ID || !before.OfPull()) {
		return nil // the merge queue asks again by itself
	}
	if err != nil {
		return err
	}
	inv := invocation{repo: repo, pull: before.PullRequest, actor: e.GetSender().GetLogin(),
		key: fmt.Sprintf("button/%s/%d", delivery, before.PullRequest), head: before.HeadSHA, command: button, button: labels[button]}
	ctx = logged(ctx, repo, inv.pull)
	if button != buttonPlan { // a plan is offered always, and Re-run is GitHub's own
		err = h.offered(ctx, inv, button, e.GetCheckRun())
	}
	if err == nil {
		_, err = h.Pressed(ctx, eventType, delivery, payload, received(ctx))
	}
	if err != nil {
		return h.unpressed(ctx, inv, err)
	}
	if flooding, err := h.flooding(ctx, inv); flooding || err != nil {
		return err
	}
	if button == buttonPlan {
		return h.again(ctx, inv, before)
	}
	return h.press(ctx, inv, button)
}

// offered makes sure that we posted this check run with this button.
func (h *checkRun) offered(ctx context.Context, inv invocation, button string, check *github.CheckRun) error {
	posted, err := h.Store.Posted(ctx, run.PostedCheck(inv.repo.ID, inv.head, check.GetName()))
	if err != nil && !errors.Is(err, run.ErrNotFound) {
		return err
	}
	if check.GetID() <= 0 || check.GetHeadSHA() == "" || check.GetName() == "" {
		return errNoPress
	}
	if inv.head == "" || check.GetHeadSHA() != inv.head || posted.ID != check.GetID() || !posted.Offers(button) {
		return h.notOffered(ctx)
	}
	return nil
}

// errNoPress: the event lacks what every press has.
var errNoPress = errors.New("the event is about no check run")

// offerSettles is how long after a check run was changed at GitHub its row in
// the store may still be as before.
const offerSettles = 10 * time.Second

func (h *checkRun) notOffered(ctx context.Context) error {
	err := errors.New("the check run was not posted with this button")
	if h.Now().Sub(received(ctx)) < offerSettles {
		return &Later{After: time.Second, Why: err}
	}
	return &NotPressed{Err: err, Text: "This check run does not offer that button any more, so nothing was done. Look again, or comment the command."}
}

// unpressed replies to who pressed why it does not count. Nobody knows who that was,
// so it counts for nobody how often it is told.
func (b *Base) unpressed(ctx context.Context, inv invocation, err error) error {
	var not *NotPressed
	if errors.Is(err, errNoPress) {
		return nil
	}
	if !errors.As(err, &not) {
		return err
	}
	zerolog.Ctx(ctx).Warn().Err(not.Err).Str("actor", inv.actor).Bool("forged", not.Forged).Msg("a press of a button does not count")
	inv.actor = ""
	if flooding, err := b.flooding(ctx, inv); flooding || err != nil {
		return err
	}
	return b.answer(ctx, inv, "", not.Text)
}

// wants is the identifier of the button that an event is about, or empty.
// "Re-run" of any of our checks plans: it must not be another way to apply.
func wants(e *github.CheckRunEvent) string {
	switch {
	case e.GetAction() == "rerequested":
		return buttonPlan
	case e.GetAction() == "requested_action" && e.GetRequestedAction() != nil:
		return e.GetRequestedAction().Identifier
	}
	return ""
}

// press does what a button that changes something says. There is one effect per
// delivery.
func (b *Base) press(ctx context.Context, inv invocation, button string) error {
	switch button {
	case buttonApply:
		r := b.newRun(inv.repo, inv.pull, run.TriggerButton, inv.actor, inv.key)
		r.Kind, r.HeadSHA = run.KindApply, inv.head // the commit whose check it was, and no newer one
		_, err := b.Runs.Submit(ctx, r)
		return err
	case buttonUnlock:
		answer, err := b.Service.Unlock(ctx, inv.question(), nil, "")
		return b.reply(ctx, inv, answer, err)
	}
	return nil
}

// again submits a run like an earlier one.
func (b *Base) again(ctx context.Context, inv invocation, before run.Run) error {
	r := b.newRun(inv.repo, inv.pull, run.TriggerButton, inv.actor, inv.key)
	if before.Kind == run.KindPlan {
		r.Selectors, r.Flags, r.Line = before.Selectors, before.Flags, before.Line
	}
	_, err := b.Runs.Submit(ctx, r)
	return err
}

// others takes the checks of other Apps: one that a rule asks for may be what
// an apply waits for.
func (h *checkRun) others(ctx context.Context, repo run.Repository, e *github.CheckRunEvent) error {
	check := e.GetCheckRun()
	if e.GetAction() != "completed" || !slices.Contains(h.RequiredChecks, check.GetName()) {
		return nil
	}
	for _, pr := range check.PullRequests {
		if pr.GetNumber() <= 0 {
			continue
		}
		if err := h.Runs.Judge(logged(ctx, repo, pr.GetNumber()), repo.ID, pr.GetNumber()); err != nil {
			return err
		}
	}
	return nil
}

// checkSuite plans again when someone presses "Re-run all checks".
type checkSuite struct{ *Base }

func (*checkSuite) Handles() []string { return []string{"check_suite"} }

func (h *checkSuite) Handle(ctx context.Context, eventType, delivery string, payload []byte) error {
	var e github.CheckSuiteEvent
	if err := json.Unmarshal(payload, &e); err != nil {
		return unreadable(eventType, err)
	}
	repo, ok := h.repository(&e)
	suite := e.GetCheckSuite()
	if !ok || suite == nil || e.GetAction() != "rerequested" || !person(e.GetSender()) || suite.GetApp().GetID() != h.AppID {
		return nil
	}
	if ok, err := h.pressed(ctx, eventType, delivery, payload); !ok || err != nil {
		return err
	}
	for _, pr := range suite.PullRequests {
		if pr.GetNumber() <= 0 {
			continue
		}
		inv := invocation{repo: repo, pull: pr.GetNumber(), actor: e.GetSender().GetLogin(),
			key: fmt.Sprintf("button/%s/%d", delivery, pr.GetNumber()), command: buttonPlan, button: "Re-run all checks"}
		if flooding, err := h.flooding(logged(ctx, repo, inv.pull), inv); flooding || err != nil {
			return err
		}
		if err := h.again(logged(ctx, repo, inv.pull), inv, run.Run{}); err != nil {
			return err
		}
	}
	return nil
}

// pressed reports whether someone pressed "Re-run all checks". Of which pull
// request is not known otherwise, so nobody is notified.
func (h *checkSuite) pressed(ctx context.Context, event, guid string, payload []byte) (bool, error) {
	_, err := h.Pressed(ctx, event, guid, payload, received(ctx))
	if not, ok := errors.AsType[*NotPressed](err); ok {
		zerolog.Ctx(ctx).Warn().Err(not.Err).Bool("forged", not.Forged).Msg("a press of Re-run does not count")
		return false, nil
	}
	return err == nil, err
}

// ignored takes the events that GitHub sends every App and that need nothing.
type ignored struct{}

func (ignored) Handles() []string {
	return []string{"ping", "installation", "installation_repositories"}
}

func (ignored) Handle(context.Context, string, string, []byte) error { return nil }
