package pull

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pointer stands in a commit for a large file (Git LFS specification, "The
// Pointer").
type pointer struct {
	oid  string // SHA-256 of the content, lower-case hex
	size int64
	// extension is the key of the first program that has to change the content before a checkout shows it; empty for none.
	extension string
}

// maxPointer is what a pointer may have, in bytes ("less than 1024 bytes").
const maxPointer = 1023

const pointerVersion = "version https://git-lfs.github.com/spec/v1\n"

// olderVersions are what git-lfs takes for pointerVersion, too.
var olderVersions = []string{"https://hawser.github.com/spec/v1", "http://git-media.io/v/2"}

var extensionKey = regexp.MustCompile(`^ext-[0-9]-\w`)

// parsePointer reads a file that is a pointer: what git-lfs takes for one when it
// checks out, with other line ends and blanks around it, too. What only looks like one
// is none: then no object can be meant, and a checkout shows the text.
func parsePointer(text []byte) (pointer, bool) {
	var p pointer
	keys := []string{"version", "oid", "size"}
	for line := range strings.SplitSeq(string(bytes.TrimSpace(text)), "\n") {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
		if extensionKey.MatchString(key) && p.extension == "" {
			p.extension = key
		}
		if key == "" && value == "" || extensionKey.MatchString(key) {
			continue
		}
		if len(keys) == 0 || key != keys[0] {
			return pointer{}, false
		}
		keys = keys[1:]
		switch key {
		case "version":
			if "version "+value+"\n" != pointerVersion && !slices.Contains(olderVersions, value) {
				return pointer{}, false
			}
		case "oid":
			p.oid, _ = strings.CutPrefix(value, "sha256:")
		case "size":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return pointer{}, false
			}
			p.size = n
		}
	}
	raw, err := hex.DecodeString(p.oid)
	return p, len(keys) == 0 && err == nil && len(raw) == 32 && p.oid == strings.ToLower(p.oid) && p.size >= 0
}

// largeFiles is where a mirror stores the content of large files, laid out as git-lfs
// does.
type largeFiles struct {
	dir   string
	limit int64 // bytes of one
}

func (m *Mirror) large() largeFiles {
	return largeFiles{filepath.Join(m.dir, "lfs", "objects"), m.limits.FileBytes}
}

func (l largeFiles) path(p pointer) string { return filepath.Join(l.dir, p.oid[:2], p.oid[2:4], p.oid) }

// open opens the content of a pointer; it is fs.ErrNotExist where nobody brought
// it here, or an extension would have to change it.
func (l largeFiles) open(p pointer) (io.ReadCloser, error) {
	if p.extension != "" {
		return nil, fs.ErrNotExist // what is stored is not what a checkout has
	}
	f, err := os.Open(l.path(p))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != p.size {
		err = fs.ErrNotExist // another size than the pointer of a file that was brought says
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	now := time.Now()
	_ = os.Chtimes(f.Name(), now, now) // else it is fetched once more some day
	return f, nil
}

// missing says why the content of a pointer is not in a source.
func (l largeFiles) missing(p pointer) string {
	if p.extension != "" {
		return fmt.Sprintf("it is a pointer of Git LFS with the extension %q, a program without which nobody can make its content; commit the file itself, or store it without the extension", p.extension)
	}
	if p.size > l.limit {
		return fmt.Sprintf("it is a large file (Git LFS) of %d bytes, the limit is %d", p.size, l.limit)
	}
	return "it is a pointer of Git LFS whose content is not here; commit the file itself, or push its content and have your Lockkeeper administrator set `lfs: true` for this repository"
}
