package aws_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"

	"github.com/lockkeeper/lockkeeper/backend/backendtest"
	"github.com/lockkeeper/lockkeeper/run"
)

// T41: the same lines as on the local engine, from the log of the container.
func TestT41_LiveLines(t *testing.T) {
	const leak = "a-secret-that-terraform-prints"
	f := newFixture(t, emulator(t, 1))
	source := backendtest.Source(t, f.objects, backendtest.FakeSource)
	e, inbox := f.engine(t), backendtest.NewInbox()
	doc := backendtest.Document("run-0", source)
	doc.Environment.Variables = []run.JobVariable{{Name: "LEAK", Value: leak}}
	if text, err := e.(run.Tailer).Tail(t.Context(), doc); text != "" || err != nil {
		t.Errorf("without a log group: %q, %v", text, err)
	}
	f.options.LogGroup = "/" + f.prefix + "/jobs"
	e = f.engine(t)
	backendtest.Serve(t, e, inbox)
	backendtest.LiveLines(t, e, inbox, doc, leak)
	all := must(cloudwatchlogs.NewFromConfig(f.Config("deployer")).FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &f.options.LogGroup}))
	for _, event := range all.Events {
		if strings.Contains(*event.Message, leak) {
			t.Errorf("in the log: %s", *event.Message)
		}
	}
	for _, call := range f.Refused(t, "server", f.prefix+"-server") {
		t.Error(call)
	}
}
