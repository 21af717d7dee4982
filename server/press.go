package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/google/go-github/v60/github"

	"github.com/lockkeeper/lockkeeper/run"
)

// Presses finds out at GitHub whether it sent a delivery, such as of a button
// that was pressed. A webhook's signature says only that its sender knows the
// secret; GitHub keeps what it sent itself, and gives it to nobody but the App.
type Presses struct {
	App func() (*github.Client, error) // authenticated as the App
	// RetryAfter reports whether an error of a GitHub call is temporary, and the
	// least time to wait then.
	RetryAfter func(err error, now time.Time) (wait time.Duration, temporary bool)
	Now        func() time.Time
}

const (
	// pressPatience is how long GitHub may take to list a delivery after it came,
	// or to answer at all. Who pressed is waiting for a sign.
	pressPatience = 2 * time.Minute
	// pressPages bounds a look, in pages of 100 deliveries, newest first.
	pressPages = 20
)

// NotPressed says why a press does not count: sentences that end with what to do
// next.
type NotPressed struct {
	Text   string
	Forged bool // someone who knows the webhook secret may have made it up
	Err    error
}

func (n *NotPressed) Error() string { return fmt.Sprintf("%s (%v)", n.Text, n.Err) }
func (n *NotPressed) Unwrap() error { return n.Err }

// errNotListed: GitHub lists a delivery when it was answered, so a press can be
// looked for too early.
var errNotListed = errors.New("GitHub does not list the delivery")

// Confirm returns when a button was pressed, by GitHub's clock, if GitHub sent
// the delivery with this GUID and this content. A *NotPressed is final, a *Later
// asks to call again; received is when the delivery came.
func (p *Presses) Confirm(ctx context.Context, event, guid string, payload []byte, received time.Time) (time.Time, error) {
	return p.confirm(ctx, sending{event, guid, payload, received, true})
}

// Sent returns an error, as Confirm does, unless GitHub sent the delivery,
// however long ago for the first time.
func (p *Presses) Sent(ctx context.Context, event, guid string, payload []byte, received time.Time) error {
	_, err := p.confirm(ctx, sending{event, guid, payload, received, false})
	return err
}

// sending is a delivery as it came.
type sending struct {
	event, guid string
	payload     []byte
	received    time.Time
	fresh       bool // what it reports may not be long ago
}

func (p *Presses) confirm(ctx context.Context, s sending) (time.Time, error) {
	at, err := p.look(ctx, s)
	var final *NotPressed
	if err == nil || errors.As(err, &final) || ctx.Err() != nil {
		return at, err
	}
	wait, temporary := p.RetryAfter(err, p.Now())
	missing := errors.Is(err, errNotListed)
	waited := p.Now().Sub(s.received)
	wait = max(wait, min(waited, 15*time.Second), time.Second)
	switch {
	case (missing || temporary) && waited+wait <= pressPatience:
		return time.Time{}, &Later{After: wait, Why: err}
	case missing:
		return time.Time{}, &NotPressed{Forged: true, Err: err, Text: "GitHub does not list this press among what it sent, so nothing was done. " +
			"Press again, or comment the command."}
	}
	return time.Time{}, unconfirmed(err)
}

// unconfirmed: what GitHub does not confirm was not pressed.
func unconfirmed(err error) *NotPressed {
	out := &NotPressed{Err: err, Text: "GitHub did not answer whether this button was pressed, so nothing was done. Press again, or comment the command."}
	var answer *github.ErrorResponse
	if errors.As(err, &answer) && answer.Response != nil {
		switch code := answer.Response.StatusCode; code {
		case http.StatusNotFound:
			out.Text = "This GitHub does not tell its Apps which webhooks it sent, so that no press of a button can be confirmed and nothing was done. " +
				"Comment the command instead."
		case http.StatusUnauthorized, http.StatusForbidden:
			out.Text = fmt.Sprintf("GitHub does not let Lockkeeper ask whether this button was pressed (it answered %d), so nothing was done. "+
				"Comment the command instead; your Lockkeeper administrator finds the cause in its log.", code)
		}
	}
	return out
}

// look asks GitHub once.
func (p *Presses) look(ctx context.Context, s sending) (time.Time, error) {
	client, err := p.App()
	if err != nil {
		return time.Time{}, fmt.Errorf("getting the App's client: %w", err)
	}
	sent, err := p.find(ctx, client, s)
	if err != nil {
		return time.Time{}, err
	}
	full, _, err := client.Apps.GetHookDelivery(ctx, sent.GetID())
	if err != nil {
		return time.Time{}, fmt.Errorf("reading delivery %d: %w", sent.GetID(), err)
	}
	if err := same(s, full); err != nil {
		return time.Time{}, &NotPressed{Forged: true, Err: err, Text: "What reached Lockkeeper of this press is not what GitHub sent, so nothing was done. " +
			"Press again, or comment the command, and contact your Lockkeeper administrator: somebody else may know its webhook secret."}
	}
	if s.fresh && p.Now().Sub(sent.GetDeliveredAt().Time) > run.MaxCommandAge {
		return time.Time{}, tooLate()
	}
	return sent.GetDeliveredAt().Time, nil
}

func tooLate() *NotPressed {
	return &NotPressed{Err: errors.New("pressed too long ago"), Text: "This button was pressed more than 15 minutes before Lockkeeper could act on it, so nothing " +
		"was done: what you saw then may have changed. Look again, and press again."}
}

// find looks for the first attempt at a delivery: what GitHub sends again has
// the same GUID, and says nothing of when it happened. One whose first attempt
// is older than a press may be is too late. Of other events any attempt will do;
// the one that came is no older than its receipt.
func (p *Presses) find(ctx context.Context, client *github.Client, s sending) (*github.HookDelivery, error) {
	again := false
	oldest := p.Now()
	if !s.fresh {
		oldest = s.received
	}
	oldest = oldest.Add(-run.MaxCommandAge - pressPatience)
	opts := &github.ListCursorOptions{PerPage: 100}
	for range pressPages {
		page, resp, err := client.Apps.ListHookDeliveries(ctx, opts)
		if err != nil {
			return nil, fmt.Errorf("listing deliveries: %w", err)
		}
		for _, d := range page {
			switch {
			case d.GetGUID() == s.guid && (!d.GetRedelivery() || !s.fresh):
				return d, nil
			case d.GetGUID() == s.guid:
				again = true
			}
			if d.GetDeliveredAt().Time.Before(oldest) {
				return nil, absent(again)
			}
		}
		if resp.Cursor == "" || len(page) == 0 {
			return nil, absent(again)
		}
		opts.Cursor = resp.Cursor
	}
	return nil, absent(again)
}

func absent(again bool) error {
	if again {
		return tooLate()
	}
	return errNotListed
}

// eventFields are what counts of an event. GitHub gives back what it sent as JSON of its
// own making, so the bytes differ.
type eventFields struct {
	Action       string `json:"action"`
	Requested    button `json:"requested_action"`
	CheckRun     check  `json:"check_run"`
	CheckSuite   suite  `json:"check_suite"`
	MergeGroup   group  `json:"merge_group"`
	PullRequest  pulled `json:"pull_request"`
	Sender       sender `json:"sender"`
	Repository   named  `json:"repository"`
	Installation id     `json:"installation"`
}

type (
	button struct {
		Identifier string `json:"identifier"`
	}
	check struct {
		ID         int64  `json:"id"`
		Name       string `json:"name"`
		HeadSHA    string `json:"head_sha"`
		ExternalID string `json:"external_id"`
		App        id     `json:"app"`
	}
	suite struct {
		ID           int64    `json:"id"`
		App          id       `json:"app"`
		PullRequests []number `json:"pull_requests"`
	}
	group struct {
		HeadSHA string `json:"head_sha"`
		HeadRef string `json:"head_ref"`
		BaseSHA string `json:"base_sha"`
		BaseRef string `json:"base_ref"`
	}
	pulled struct {
		Number int    `json:"number"`
		Draft  bool   `json:"draft"`
		Head   branch `json:"head"`
		Base   branch `json:"base"`
	}
	branch struct {
		SHA string `json:"sha"`
		Ref string `json:"ref"`
	}
	number struct {
		Number int `json:"number"`
	}
	sender struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Type  string `json:"type"`
	}
	id struct {
		ID int64 `json:"id"`
	}
	named struct { // what runs and calls of GitHub's API go by
		ID    int64  `json:"id"`
		Name  string `json:"name"`
		Owner struct {
			Login string `json:"login"`
		} `json:"owner"`
	}
)

// same reports an error unless a delivery of GitHub's is the one that came.
func same(s sending, sent *github.HookDelivery) error {
	var came, went eventFields
	if err := json.Unmarshal(s.payload, &came); err != nil {
		return err
	}
	if sent.GetGUID() != s.guid || sent.GetEvent() != s.event || sent.Request == nil || sent.Request.RawPayload == nil {
		return errors.New("GitHub's answer is about something else")
	}
	if err := json.Unmarshal(*sent.Request.RawPayload, &went); err != nil {
		return fmt.Errorf("reading what GitHub sent: %w", err)
	}
	if !reflect.DeepEqual(came, went) {
		return fmt.Errorf("it says %+v, and GitHub sent %+v", came, went)
	}
	return nil
}
