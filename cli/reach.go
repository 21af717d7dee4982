package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/app"
	"github.com/lockkeeper/lockkeeper/runner/jail"
)

// reachWord makes this program, inside of a job, try which addresses answer.
const reachWord = "reach"

// answersWithin is how long an address may take to answer. What is cut off never
// does.
const answersWithin = 2 * time.Second

// reach tries to connect to each address and prints a list of those that
// answered. It is what doctor runs inside of a job.
func reach(addresses []string, out io.Writer) int {
	answered := make([]bool, len(addresses))
	var all sync.WaitGroup
	for i, address := range addresses {
		all.Go(func() {
			conn, err := net.DialTimeout("tcp", address, answersWithin)
			if err == nil {
				answered[i] = true
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	found := []string{}
	for i, address := range addresses {
		if answered[i] {
			found = append(found, address)
		}
	}
	if err := json.NewEncoder(out).Encode(found); err != nil {
		return 1
	}
	return 0
}

// reachable tries from inside of a job which of the addresses answer.
func reachable(ctx context.Context, mode jail.Mode, addresses []string) (found []string, err error) {
	if mode == jail.Required {
		mode = jail.BestEffort // what is missing was reported
	}
	dir, err := os.MkdirTemp("", "lockkeeper-doctor-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program, out, err := reachFiles(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	j, err := jail.Start(ctx, jail.Config{Mode: mode, Stdout: out, Stderr: out, Box: jail.Box{Read: []string{program}}})
	if err != nil {
		return nil, err
	}
	exit, err := j.Run(ctx, jail.Command{Args: append([]string{program, reachWord}, addresses...), Dir: "/", Grace: time.Second})
	if err := errors.Join(err, j.Close()); err != nil {
		return nil, err
	}
	printed, err := os.ReadFile(out.Name())
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(printed, &found); err != nil || !exit.Success() {
		return nil, fmt.Errorf("trying addresses inside of a job: it ended with %d and printed %.200q", exit.Code, printed)
	}
	return found, nil
}

// reachFiles makes a copy of this program that a job of any user may run, and a
// file for what it prints.
func reachFiles(dir string) (program string, out *os.File, err error) {
	own, err := app.OwnExecutable()
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "lockkeeper")
	if err := errors.Join(os.Chmod(dir, 0o711), copyExecutable(program, own)); err != nil {
		return "", nil, err
	}
	out, err = os.OpenFile(filepath.Join(dir, "out"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	return program, out, err
}

func copyExecutable(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
