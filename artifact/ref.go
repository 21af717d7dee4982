package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/lockkeeper/lockkeeper/run"
)

// Ref points to stored bytes: the key, the lower-case hex SHA-256 and the size
// in bytes. It is the domain's own pointer, so it goes into job documents as it
// is.
type Ref = run.Artifact

// ErrChanged means that stored bytes are not those that the Ref names.
// Trying again does not help.
var ErrChanged = errors.New("the stored bytes are not those that were put")

// ErrNotFound means that nothing is stored under the key. It is fs.ErrNotExist
// so that callers need not know which kind of store they talk to.
var ErrNotFound = fs.ErrNotExist

// ErrTooLarge means that an artifact is larger than the caller accepts.
var ErrTooLarge = errors.New("the artifact is larger than allowed")

// keySegments is what a key may look like: segments of letters, digits and
// ._:- joined by slashes, none beginning with a dot or a colon. It leaves no room for a
// path outside the store, for the store's own files (which begin with a dot),
// or for names that S3 treats specially.
var keySegments = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._:-]*(/[A-Za-z0-9_-][A-Za-z0-9._:-]*)*$`)

// Bytes of a whole key (S3 takes 1,024) and of one segment of it (most file
// systems take 255).
const (
	maxKey     = 512
	maxSegment = 200
)

// CheckKey says what is wrong with a key.
func CheckKey(key string) error {
	if len(key) > maxKey || !keySegments.MatchString(key) {
		return fmt.Errorf("artifact key %.100q: want letters, digits and ._:- in segments joined by /, at most %d bytes", key, maxKey)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if len(segment) > maxSegment {
			return fmt.Errorf("artifact key %.100q: a segment is longer than %d bytes", key, maxSegment)
		}
	}
	return nil
}

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// CheckRef says what is wrong with a Ref.
func CheckRef(ref Ref) error {
	if err := CheckKey(ref.Key); err != nil {
		return err
	}
	if !hexDigest.MatchString(ref.SHA256) || ref.Size < 0 {
		return fmt.Errorf("artifact %s: the reference needs a SHA-256 and a size, got %.80q and %d", ref.Key, ref.SHA256, ref.Size)
	}
	return nil
}
