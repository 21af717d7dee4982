package artifact

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"github.com/lockkeeper/lockkeeper/run"
)

// ErrSealed means that stored bytes are encrypted with a key that is not among
// those that are given.
var ErrSealed = run.ErrSealed

// Keys encrypt what jobs leave, and read it again: plans and states hold secrets
// in clear. The format is that of age, so that people read a file with the program
// of that name. The zero value encrypts nothing.
type Keys struct {
	to  *age.X25519Recipient
	own []*age.X25519Identity
}

// maxKeys bounds how many keys may be given: each is tried.
const maxKeys = 16

// ParseKeys reads age identities (AGE-SECRET-KEY-1…) as age-keygen writes them,
// one a line. The first one encrypts, all decrypt. Of a single recipient (age1…)
// come keys that only encrypt. An error holds nothing of the text.
func ParseKeys(text string) (Keys, error) {
	var k Keys
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if to, err := age.ParseX25519Recipient(line); err == nil && k.to == nil {
			k.to = to
			continue
		}
		own, err := age.ParseX25519Identity(line)
		if err != nil {
			return Keys{}, errors.New("reading the keys: a line is no X25519 key of age")
		}
		if k.to == nil {
			k.to = own.Recipient()
		}
		if k.own = append(k.own, own); len(k.own) > maxKeys {
			return Keys{}, fmt.Errorf("reading the keys: there are more than %d", maxKeys)
		}
	}
	return k, nil
}

// Text is what ParseKeys makes the same keys of, all of them or the one part that
// only encrypts and is no secret. It is empty for the zero value.
func (k Keys) Text(reads bool) string {
	if k.to == nil {
		return ""
	}
	text := k.to.String() + "\n"
	if !reads {
		return text
	}
	for _, own := range k.own {
		text += own.String() + "\n"
	}
	return text
}

// Format keeps keys out of everything that is printed.
func (Keys) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// Seal returns a writer whose bytes arrive at w encrypted once it is closed. With
// the zero Keys they arrive as they are.
func (k Keys) Seal(w io.Writer) (io.WriteCloser, error) {
	if k.to == nil {
		return unchanged{w}, nil
	}
	return age.Encrypt(w, k.to)
}

type unchanged struct{ io.Writer }

func (unchanged) Close() error { return nil }

// sealedMark begins a file that Seal wrote (C2SP, age-encryption.org/v1). Nothing
// that jobs leave begins so.
const sealedMark = "age-encryption.org/v1\n"

// Room for what encryption adds to a file: a header for one key, and 16 bytes for
// every 64 KiB.
const sealedHeader, sealedPart = 4 << 10, 4 << 10

// open returns the content of a file of which size bytes are wanted. What is not
// encrypted is passed on as it is: it was stored before there was a key.
func (k Keys) open(file io.Reader, size int64) (io.Reader, error) {
	noted := &noting{from: file}
	r := bufio.NewReaderSize(noted, 32<<10)
	begin, _ := r.Peek(len(sealedMark)) // an error comes again when it is read
	if !bytes.Equal(begin, []byte(sealedMark)) {
		return r, nil
	}
	identities := make([]age.Identity, len(k.own))
	for i, own := range k.own {
		identities[i] = own
	}
	if len(identities) == 0 {
		return nil, ErrSealed
	}
	plain, err := age.Decrypt(io.LimitReader(r, sealedHeader+size+size/sealedPart), identities...)
	if _, other := errors.AsType[*age.NoIdentityMatchError](err); other {
		return nil, ErrSealed
	}
	if err != nil {
		return nil, noted.changed(err)
	}
	return &unsealed{plain, noted}, nil
}

// unsealed distinguishes bytes that were changed from those that cannot be read.
type unsealed struct {
	plain io.Reader
	file  *noting
}

func (u *unsealed) Read(p []byte) (int, error) {
	n, err := u.plain.Read(p)
	if err != nil && err != io.EOF {
		err = u.file.changed(err)
	}
	return n, err
}

// noting remembers an error of the file itself.
type noting struct {
	from io.Reader
	err  error
}

func (n *noting) Read(p []byte) (int, error) {
	read, err := n.from.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return read, err
}

func (n *noting) changed(err error) error {
	if n.err != nil {
		return n.err
	}
	return fmt.Errorf("%w: %w", ErrChanged, err)
}
