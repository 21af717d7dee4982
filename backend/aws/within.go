package aws

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// within is the time for what the engine does about one job or one message: a few
// calls, with what the SDK tries again. A peer that is silent costs that much and
// stops nothing else. It is less than the minute for which a message that is
// being handled is hidden from others.
const within = 30 * time.Second

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, within)
}

// AnswersWithin is how long a client waits for the beginning of an answer before
// the SDK tries again. Without it a peer that is silent takes all the time that a
// call has.
const AnswersWithin = 10 * time.Second

// Impatient makes clients of AWS give up on an answer that does not begin.
func Impatient(cfg aws.Config) aws.Config { return waiting(cfg, AnswersWithin) }

func waiting(cfg aws.Config, d time.Duration) aws.Config {
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if cfg.HTTPClient == nil {
		client, ok = awshttp.NewBuildableClient(), true
	}
	if ok { // a client that somebody made is theirs
		cfg = cfg.Copy()
		cfg.HTTPClient = client.WithTransportOptions(func(t *http.Transport) { t.ResponseHeaderTimeout = d })
	}
	return cfg
}

// newPoll makes the client that waits for messages: the answer to a long poll
// begins when there is one, or when its time is over.
func newPoll(cfg aws.Config, poll time.Duration) *sqs.Client {
	return sqs.NewFromConfig(waiting(cfg, poll+AnswersWithin))
}

// sign says when something was done last. The zero value is never.
type sign struct {
	mu sync.Mutex
	at time.Time // guarded by mu
}

func (s *sign) set(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = at
}

func (s *sign) get() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// Signs are when the engine last took a message of the status queue, and when its
// last sweep over the open jobs ended; zero for never. An engine that is well
// sweeps every Options.Reconcile, whatever happens.
func (e *Engine) Signs() (message, sweep time.Time) { return e.message.get(), e.sweep.get() }
