package bucket

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lockkeeper/lockkeeper/artifact"
	"github.com/lockkeeper/lockkeeper/artifact/artifacttest"
	"github.com/lockkeeper/lockkeeper/awstest"
)

// made counts buckets, so that each has a name of its own.
var made atomic.Int64

func open(tb testing.TB, e *awstest.Emulator, versions bool) *Bucket {
	tb.Helper()
	b := &Bucket{Client: NewClient(e.Config("server")), Name: fmt.Sprintf("artifacts-%d", made.Add(1))}
	_, err := b.Client.CreateBucket(tb.Context(), &s3.CreateBucketInput{
		Bucket: &b.Name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: awstest.Region},
	})
	if err == nil && versions {
		_, err = b.Client.PutBucketVersioning(tb.Context(), &s3.PutBucketVersioningInput{
			Bucket: &b.Name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestBucketKeepsTheContract(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	for name, versions := range map[string]bool{"with versions": true, "without versions": false} {
		t.Run(name, func(t *testing.T) {
			artifacttest.Run(t, func(tb testing.TB) (artifacttest.Store, func(string, []byte)) {
				b := open(tb, e, versions)
				return b, func(key string, content []byte) {
					if _, err := b.Client.PutObject(tb.Context(), &s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: bytes.NewReader(content)}); err != nil {
						tb.Fatal(err)
					}
				}
			})
		})
	}
}

// S3 refuses who may not list what is not there. To others a refusal is none of that.
func TestWhoMayNotListIsRefusedWhatIsNotThere(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
	}))
	t.Cleanup(refusing.Close)
	e := &awstest.Emulator{Endpoint: refusing.URL}
	ref := artifact.Ref{Key: "tasks/AROA1:2/a", SHA256: strings.Repeat("0", 64)}
	for _, unlisted := range []bool{true, false} {
		b := &Bucket{Client: NewClient(e.Config("job")), Name: "b", Unlisted: unlisted}
		if _, err := b.Open(t.Context(), ref); errors.Is(err, artifact.ErrNotFound) != unlisted || err == nil {
			t.Errorf("unlisted %v: opening it: %v", unlisted, err)
		}
		if _, claimed, err := b.Claimant(t.Context(), "claims/a"); claimed || (err == nil) != unlisted {
			t.Errorf("unlisted %v: %v, %v", unlisted, claimed, err)
		}
		if err := b.Claim(t.Context(), "claims/a", "me"); err == nil || errors.Is(err, artifact.ErrClaimed) {
			t.Errorf("unlisted %v: claiming it: %v", unlisted, err)
		}
	}
}

func TestAnOlderVersionIsReadWhenTheRefNamesIt(t *testing.T) {
	b := open(t, awstest.Start(t, awstest.Options{}), true)
	first, err := b.Put(t.Context(), "plan", strings.NewReader("first"))
	if err != nil || first.Version == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := b.Put(t.Context(), "plan", strings.NewReader("second")); err != nil {
		t.Fatal(err)
	}
	if got, err := b.ReadAll(t.Context(), first, 100); string(got) != "first" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// A claim whose answer is lost is not sent again: the answer to the second one
// would say that another was first.
func TestAClaimIsSentOnce(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	b := open(t, e, false)
	e.Inject(t, awstest.Fault{Match: map[string]string{"service": "s3", "method": "PUT"}, Times: 1, Kind: "lost"})
	if err := b.Claim(t.Context(), "claim", "me"); err == nil {
		t.Fatal("the answer should be lost")
	}
	if by, claimed, err := b.Claimant(t.Context(), "claim"); by != "me" || !claimed || err != nil {
		t.Errorf("%q, %v, %v", by, claimed, err)
	}
}

func TestWhatIsThereIsFoundWithoutReadingIt(t *testing.T) {
	e := awstest.Start(t, awstest.Options{})
	b := open(t, e, true)
	ref, err := b.Put(t.Context(), "runs/r/plan", strings.NewReader("plan"))
	if err != nil {
		t.Fatal(err)
	}
	longer := ref
	longer.Key = "runs/r/pla" // a key that begins like it
	for _, row := range []struct {
		name string
		ref  artifact.Ref
		want bool
	}{{"it", ref, true}, {"a shorter key", longer, false}, {"another size", artifact.Ref{Key: ref.Key, SHA256: ref.SHA256, Size: 1}, false}} {
		if got, err := b.Has(t.Context(), row.ref); got != row.want || err != nil {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
	for _, c := range e.Calls(t) {
		if c.Service == "s3" && c.Method == "GET" && strings.Contains(c.Path, "runs") {
			t.Errorf("it was read: %+v", c)
		}
	}
}
