package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	burst  = 50 // deliveries at once
	bursts = 20
)

// deliveries measures how long GitHub waits for its answer when 50 deliveries
// come at once; each is on disk when it is answered.
//
// Those of a burst share two or three transactions. What else the disk does is of
// the bursts before: all are about one pull request, so they are acted on one after
// the other, and that each is done is a transaction of its own (1,127 flushes for
// 1,050 deliveries, 1 ms each). Noting it for several at once would act on older ones
// after newer ones when the server is killed in between.
func (b *bencher) deliveries(ctx context.Context) ([]row, error) {
	w, err := b.start(ctx, projects(1, "before"))
	if err != nil {
		return nil, err
	}
	defer w.stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: burst}}
	var all []time.Duration
	for round := range bursts + 1 {
		took, err := w.burst(ctx, client, round)
		if err != nil {
			return nil, err
		}
		if round > 0 { // the first opens connections
			all = append(all, took...)
		}
	}
	slices.Sort(all)
	p99 := all[len(all)*99/100]
	return []row{measured("POST to 200, durable, 50 at once, p99", float64(p99.Microseconds())/1000, "ms", 25,
		fmt.Sprintf("median %.1f ms of %d", median(all), len(all)))}, nil
}

func (w *world) burst(ctx context.Context, client *http.Client, round int) ([]time.Duration, error) {
	took := make([]time.Duration, burst)
	errs := make([]error, burst)
	var wg sync.WaitGroup
	for i := range burst {
		req, err := w.delivery(ctx, round*burst+i+1)
		if err != nil {
			return nil, err
		}
		wg.Go(func() {
			began := time.Now()
			resp, err := client.Do(req)
			if err != nil {
				errs[i] = err
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			took[i] = time.Since(began)
			if resp.StatusCode != http.StatusOK {
				errs[i] = fmt.Errorf("delivery answered %s", resp.Status)
			}
		})
	}
	wg.Wait()
	return took, errors.Join(errs...)
}

// delivery is the signed webhook of a comment, each of another one: of one
// comment Lockkeeper keeps only the first.
func (w *world) delivery(ctx context.Context, comment int) (*http.Request, error) {
	body := fmt.Appendf(nil, `{"action":"created","comment":{"id":%d,"body":"hello","user":{"login":"ana","type":"User"}},`+
		`"issue":{"number":1,"pull_request":{}},"sender":{"login":"ana","type":"User"},"repository":{"id":1,"name":"infra","owner":{"login":"acme"}},"padding":"%s"}`,
		comment, strings.Repeat("x", 15_000)) // a real payload is about this long
	m := hmac.New(sha256.New, []byte(secret))
	m.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.hook, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-GitHub-Event", "issue_comment")
	req.Header.Set("X-GitHub-Delivery", strconv.Itoa(comment))
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(m.Sum(nil)))
	return req, nil
}

// idle measures the memory of a server that has planned and now waits.
func (b *bencher) idle(ctx context.Context) ([]row, error) {
	w, err := b.start(ctx, projects(1, "before"))
	if err != nil {
		return nil, err
	}
	defer w.stop()
	fresh, err := resident(w.server.Process.Pid)
	if err != nil {
		return nil, err
	}
	number, err := w.open(ctx, projects(1, "after"))
	if err != nil {
		return nil, err
	}
	for range 10 {
		if _, err := w.plan(ctx, number); err != nil {
			return nil, err
		}
	}
	after, err := resident(w.server.Process.Pid)
	if err != nil {
		return nil, err
	}
	return []row{measured("memory idle", fresh, "MiB", 48, fmt.Sprintf("%.1f MiB after 11 plans", after))}, nil
}

// resident is the resident memory of a process in MiB.
func resident(pid int) (float64, error) { return memory(pid, "VmRSS:") }

// peak is the most that it ever was.
func peak(pid int) (float64, error) { return memory(pid, "VmHWM:") }

// memory reads a field of proc_pid_status(5), in MiB.
func memory(pid int, field string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == field {
			kb, err := strconv.ParseFloat(fields[1], 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s of process %d", field, pid)
}
