package github

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// session is a git process that answers one question after the other. Its zero value is ready.
type session struct {
	mu     sync.Mutex // one question at a time
	cmd    *exec.Cmd
	stop   context.CancelFunc
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// ask writes a question and reads the answer. After an error the next question has a process of its own.
func (s *session) ask(g *gitRepo, args []string, question string, read func(*bufio.Reader) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		if err := s.start(g, args); err != nil {
			s.reset()
			return fmt.Errorf("starting git %s: %w", args[0], err)
		}
	}
	_, err := io.WriteString(s.stdin, question)
	if err == nil {
		err = read(s.stdout)
	}
	if err != nil && !errors.Is(err, errNoObject) {
		s.reset()
		return fmt.Errorf("asking git %s: %w", args[0], err)
	}
	return err
}

func (s *session) start(g *gitRepo, args []string) error {
	ctx, stop := context.WithCancel(g.ctx)
	s.stop = stop
	s.cmd = exec.CommandContext(ctx, "git", append([]string{"--git-dir=" + g.dir, "-c", "core.hooksPath=/dev/null"}, args...)...)
	s.cmd.Env, s.cmd.WaitDelay = gitEnv(), time.Second
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdin, s.stdout = stdin, bufio.NewReaderSize(stdout, 64<<10)
	return s.cmd.Start()
}

func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
}

func (s *session) reset() {
	if s.cmd == nil {
		return
	}
	s.stop()
	_ = s.cmd.Wait() // it was told to die; how it did is of no interest
	s.cmd = nil
}

// diffEnd is what git diff-tree --stdin gives back as it is, because it is no object name: the end of an answer.
const diffEnd = "end of the difference\n"

// diffTrees is the output of git diff-tree for two trees.
func (g *gitRepo) diffTrees(from, to string) (out []byte, err error) {
	args := append(append([]string{}, diffOptions...), "--raw", "--numstat", "-z", "--stdin")
	err = g.differ.ask(g, args, from+" "+to+"\n"+diffEnd, func(r *bufio.Reader) error {
		if _, err := r.ReadString('\n'); err != nil { // the two names again
			return err
		}
		for {
			part, err := r.ReadBytes('\n')
			out = append(out, part...)
			if err != nil {
				return err
			}
			if rest, ended := strings.CutSuffix(string(out), diffEnd); ended && (rest == "" || strings.HasSuffix(rest, "\x00")) {
				out = out[:len(rest)]
				return nil
			}
		}
	})
	return out, err
}

// moveRefs carries out the lines of one transaction of git update-ref.
func (g *gitRepo) moveRefs(lines string) error {
	return g.refs.ask(g, []string{"update-ref", "--stdin"}, "start\n"+lines+"commit\n", func(r *bufio.Reader) error {
		for _, want := range []string{"start: ok\n", "commit: ok\n"} {
			if got, err := r.ReadString('\n'); err != nil || got != want {
				return errors.Join(fmt.Errorf("answered %q", got), err)
			}
		}
		return nil
	})
}
