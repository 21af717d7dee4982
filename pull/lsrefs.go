package pull

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// lsRefs asks a remote where refs point, in version 2 of git's protocol over HTTP
// (gitprotocol-http(5), gitprotocol-v2(5), "ls-refs"). That is requested several times for
// each command of a person: git ls-remote would be three processes, and these are two
// requests. A token that the remote does not take is replaced once.
func (m *Mirror) lsRefs(ctx context.Context, remote Remote, prefixes []string, each func(line string) error) error {
	token, err := remote.token(ctx, "")
	if err != nil {
		return err
	}
	err = m.lsRefsWith(ctx, remote, token, prefixes, each)
	if token == "" || !errors.Is(err, errUnauthorized) {
		return err
	}
	if token, err = remote.token(ctx, token); err != nil {
		return err
	}
	return m.lsRefsWith(ctx, remote, token, prefixes, each)
}

var (
	errSlow        = errors.New("it did not answer within a minute")
	errNotProtocol = errors.New("the answer is none of version 2 of git's protocol; does a proxy in between drop the header Git-Protocol?")
)

// maxRefs is what a remote may answer, in bytes: some 100,000 refs that begin alike.
const maxRefs = 16 << 20

// lsRefsWith is one attempt. The token goes to the remote's own host alone: a redirect is not followed.
func (m *Mirror) lsRefsWith(ctx context.Context, remote Remote, token string, prefixes []string, each func(string) error) error {
	if _, err := checkURL(remote.URL); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, m.stall, errSlow)
	defer cancel()
	c := conversation{remote.URL, token, &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	err := c.lsRefs(bounded, prefixes, each)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		err = context.Cause(bounded)
	}
	return fmt.Errorf("%w: %w", ErrRemote, err)
}

// conversation is one with a remote over HTTP.
type conversation struct {
	url, token string
	client     *http.Client
}

func (c conversation) lsRefs(ctx context.Context, prefixes []string, each func(string) error) error {
	var can []string
	err := c.ask(ctx, http.MethodGet, "/info/refs?service=git-upload-pack", "advertisement", nil, func(r io.Reader) (err error) {
		can, err = readAbilities(r)
		return err
	})
	if err != nil {
		return err
	}
	var question bytes.Buffer
	packet(&question, "command=ls-refs\n")
	for _, ability := range can {
		if strings.HasPrefix(ability, "object-format=") { // else the remote takes SHA-1 to be meant
			packet(&question, ability+"\n")
		}
	}
	question.WriteString("0001")
	packet(&question, "symrefs\n")
	for _, prefix := range prefixes {
		packet(&question, "ref-prefix "+prefix+"\n")
	}
	question.WriteString("0000")
	return c.ask(ctx, http.MethodPost, "/git-upload-pack", "result", &question, func(r io.Reader) error { return readPackets(r, each) })
}

// ask makes one request and reads its answer, which must be of git's type.
func (c conversation) ask(ctx context.Context, method, path, kind string, body io.Reader, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return errors.New("the repository's URL cannot be asked") // the error would repeat it
	}
	request.Header.Set("User-Agent", "git/lockkeeper")
	request.Header.Set("Git-Protocol", "version=2")
	if body != nil {
		request.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Basic "+basicAuth(c.token))
	}
	answer, err := c.client.Do(request)
	if err != nil {
		if failed := (*url.Error)(nil); errors.As(err, &failed) {
			err = failed.Err // without the URL, which the caller knows
		}
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: it answered %s", errUnauthorized, answer.Status)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("it answered %s", answer.Status)
	}
	is, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")) // a proxy may add a charset
	if err != nil || is != "application/x-git-upload-pack-"+kind {
		return errNotProtocol
	}
	return read(io.LimitReader(answer.Body, maxRefs))
}

// readAbilities reads what a remote reports that it can do. Some say first which
// service it is, as in version 0.
func readAbilities(r io.Reader) (can []string, err error) {
	if err := readPackets(r, func(line string) error { can = append(can, line); return nil }); err != nil {
		return nil, err
	}
	if len(can) == 1 && strings.HasPrefix(can[0], "# service=") {
		can = nil
		if err := readPackets(r, func(line string) error { can = append(can, line); return nil }); err != nil {
			return nil, err
		}
	}
	if len(can) == 0 || can[0] != "version 2" {
		return nil, errNotProtocol
	}
	return can, nil
}

// packet writes a line of the protocol (gitprotocol-common(5), "pkt-line").
func packet(b io.Writer, line string) { fmt.Fprintf(b, "%04x%s", len(line)+4, line) }

// readPackets reads lines up to the packet that ends them. Where that does not come,
// lines are missing.
func readPackets(r io.Reader, each func(line string) error) error {
	for {
		var header [4]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return brokenOff(err)
		}
		var size [2]byte
		if _, err := hex.Decode(size[:], header[:]); err != nil {
			return errNotProtocol
		}
		n := int(size[0])<<8 | int(size[1])
		if n == 0 {
			return nil
		}
		if n < len(header) {
			return errNotProtocol
		}
		line := make([]byte, n-len(header))
		if _, err := io.ReadFull(r, line); err != nil {
			return brokenOff(err)
		}
		text := strings.TrimSuffix(string(line), "\n")
		if message, isError := strings.CutPrefix(text, "ERR "); isError {
			return fmt.Errorf("it said %.200q", message)
		}
		if err := each(text); err != nil {
			return err
		}
	}
}

func brokenOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
