// Package bucket keeps artifacts in an S3 bucket, under the contract of
// artifact.Dir. What is old is removed by the bucket's lifecycle rules.
//
// Place in the flow: the server stores sources and reads results, the job in a
// container reads sources and plans and stores results. It must not know what
// the bytes mean.
package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lockkeeper/lockkeeper/artifact"
)

// Bucket is one S3 bucket. Its fields are set before use and not changed after.
type Bucket struct {
	Client *s3.Client
	Name   string
	// Unlisted says that the caller may not list: S3 refuses him what is not there,
	// like what he may not read (Amazon S3 API reference, "GetObject"). Both are
	// artifact.ErrNotFound then.
	Unlisted bool
}

// How long a call may take, whatever the caller allows: one that is answered at
// once, and one that carries a source or a plan, of which S3 takes 5 GiB at most
// in one write.
const (
	callWithin     = 30 * time.Second
	transferWithin = 15 * time.Minute
)

// bounded is a body that must be read in time, until it is closed.
type bounded struct {
	io.ReadCloser
	end context.CancelFunc
}

func (b bounded) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// NewClient makes a client that also works with endpoints that have no
// subdomain per bucket.
func NewClient(cfg aws.Config) *s3.Client {
	return s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = cfg.BaseEndpoint != nil
		o.DisableLogOutputChecksumValidationSkipped = true // artifact.Verify checks every byte
	})
}

// Put implements artifact.Dir's contract. The Ref has a Version when the bucket
// keeps versions.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader) (artifact.Ref, error) {
	if err := artifact.CheckKey(key); err != nil {
		return artifact.Ref{}, err
	}
	return b.put(ctx, r, func(string) string { return key })
}

// PutContent stores what r gives under prefix/<its SHA-256>.
func (b *Bucket) PutContent(ctx context.Context, prefix string, r io.Reader) (artifact.Ref, error) {
	if err := artifact.CheckKey(prefix + "/" + hex.EncodeToString(make([]byte, sha256.Size))); err != nil {
		return artifact.Ref{}, err
	}
	return b.put(ctx, r, func(digest string) string { return prefix + "/" + digest })
}

// put needs the digest before it sends anything, so it keeps the bytes in a
// file until then.
func (b *Bucket) put(ctx context.Context, r io.Reader, keyOf func(digest string) string) (ref artifact.Ref, err error) {
	f, err := os.CreateTemp("", "artifact-")
	if err != nil {
		return ref, fmt.Errorf("storing artifact: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // it lives as long as it is open
		return ref, errors.Join(fmt.Errorf("storing artifact: %w", err), f.Close())
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	digest := sha256.New()
	if ref.Size, err = io.Copy(io.MultiWriter(f, digest), artifact.ContextReader(ctx, r)); err != nil {
		return ref, fmt.Errorf("storing artifact: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return ref, fmt.Errorf("storing artifact: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, transferWithin)
	defer cancel()
	sum := digest.Sum(nil)
	ref.SHA256 = hex.EncodeToString(sum)
	ref.Key = keyOf(ref.SHA256)
	out, err := b.Client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.Name, Key: &ref.Key, Body: f, ContentLength: &ref.Size,
		ChecksumSHA256: aws.String(base64.StdEncoding.EncodeToString(sum)),
	})
	if err != nil {
		return artifact.Ref{}, fmt.Errorf("storing artifact %s: %w", ref.Key, err)
	}
	if v := aws.ToString(out.VersionId); v != "null" { // what a bucket without versions says
		ref.Version = v
	}
	return ref, nil
}

// Open implements artifact.Dir's contract. A Ref with a Version gets these
// bytes even when others lie under the key by now.
func (b *Bucket) Open(ctx context.Context, ref artifact.Ref) (io.ReadCloser, error) {
	if err := artifact.CheckRef(ref); err != nil {
		return nil, err
	}
	in := &s3.GetObjectInput{Bucket: &b.Name, Key: &ref.Key}
	if ref.Version != "" {
		in.VersionId = &ref.Version
	}
	ctx, cancel := context.WithTimeout(ctx, transferWithin)
	out, err := b.Client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("opening artifact %s: %w", ref.Key, b.known(err))
	}
	return artifact.Verify(ref, bounded{out.Body, cancel}), nil
}

// Has reports whether something of that size lies under the key. It asks for the
// right to list, not to read: the server may not read plans.
func (b *Bucket) Has(ctx context.Context, ref artifact.Ref) (bool, error) {
	if err := artifact.CheckRef(ref); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	out, err := b.Client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.Name, Prefix: &ref.Key, MaxKeys: aws.Int32(1)}) // keys come in order
	if err != nil {
		return false, fmt.Errorf("looking for artifact %s: %w", ref.Key, err)
	}
	return len(out.Contents) == 1 && aws.ToString(out.Contents[0].Key) == ref.Key && aws.ToInt64(out.Contents[0].Size) == ref.Size, nil
}

// ReadAll implements artifact.Dir's contract.
func (b *Bucket) ReadAll(ctx context.Context, ref artifact.Ref, max int64) ([]byte, error) {
	return artifact.ReadAll(ctx, b.Open, ref, max)
}

// Delete implements artifact.Dir's contract: what is not there is gone already.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := artifact.CheckKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	if _, err := b.Client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Name, Key: &key}); err != nil {
		return fmt.Errorf("deleting artifact %s: %w", key, err)
	}
	return nil
}

// Claim implements artifact.Dir's contract by a conditional write (Amazon S3
// user guide, "How to prevent object overwrites with conditional writes"). A
// call whose answer was lost finds its own claim and has lost it, too: who
// claims must never do so twice.
func (b *Bucket) Claim(ctx context.Context, key, by string) error {
	if err := artifact.CheckKey(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	err := b.Create(ctx, key, []byte(by), once)
	if status(err) == http.StatusPreconditionFailed {
		err = artifact.ErrClaimed
	}
	if err != nil {
		return fmt.Errorf("claiming %s: %w", key, err)
	}
	return nil
}

// once keeps the SDK from sending a claim again: the second answer would say
// that someone else was first.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }

// Create writes an object that must not be there yet; one that is there answers
// with status 412. While another write of the same key has not ended S3 answers
// 409, writes nothing, and does not say who will be first: that is asked again
// (Amazon S3 user guide, "How to prevent object overwrites with conditional
// writes").
func (b *Bucket) Create(ctx context.Context, key string, content []byte, options ...func(*s3.Options)) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		_, err := b.Client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &b.Name, Key: &key, Body: bytes.NewReader(content), IfNoneMatch: aws.String("*"),
		}, options...)
		if status(err) != http.StatusConflict || wait > longestConflict {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// longestConflict bounds the pause before a write is asked again; together they
// are less than twice as long.
const longestConflict = 2 * time.Second

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxClaimant bounds what is read of a claim, in bytes.
const maxClaimant = 200

// Claimant implements artifact.Dir's contract.
func (b *Bucket) Claimant(ctx context.Context, key string) (by string, claimed bool, err error) {
	if err := artifact.CheckKey(key); err != nil {
		return "", false, err
	}
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	out, err := b.Client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if errors.Is(b.known(err), artifact.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading claim %s: %w", key, err)
	}
	defer func() { _ = out.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(out.Body, maxClaimant))
	if err != nil {
		return "", true, fmt.Errorf("reading claim %s: %w", key, err)
	}
	return string(content), true, nil
}

// known gives an error of S3 the name that artifact's contract has for it.
func (b *Bucket) known(err error) error {
	var missing *types.NoSuchKey
	if errors.As(err, &missing) || status(err) == http.StatusNotFound || b.Unlisted && status(err) == http.StatusForbidden {
		return errors.Join(artifact.ErrNotFound, err)
	}
	return err
}

func status(err error) int {
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}
