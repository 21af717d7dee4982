package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lockkeeper/lockkeeper/sandbox/github"
)

const quietRepository = "quiet/infra"

// flood measures when the plan of a repository begins behind a thousand commands
// of 50 people on 40 pull requests of another organisation, and how long GitHub
// waits for its answers meanwhile.
func (b *bencher) flood(ctx context.Context) ([]row, error) {
	const commands, people, pulls = 1000, 50, 40
	w, err := b.start(ctx, projects(1, "before"))
	if err != nil {
		return nil, err
	}
	defer w.stop()
	quiet, err := w.quiet()
	if err != nil {
		return nil, err
	}
	loud, err := w.loud(pulls)
	if err != nil {
		return nil, err
	}
	for p := range people {
		if err := w.github.SetPermission(repository, fmt.Sprint("p", p), "write"); err != nil {
			return nil, err
		}
	}
	w.github.Faults().SendAtOnce(true)
	before := len(w.github.Deliveries())
	errs := make([]error, commands)
	var all sync.WaitGroup
	for i := range commands {
		all.Go(func() {
			_, errs[i] = w.github.As(fmt.Sprint("p", i%people)).Comment(repository, loud[i%pulls], "/plan")
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	began := time.Now()
	if _, err := w.github.As("zoe").Comment(quietRepository, quiet, "/plan"); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := w.github.Wait(limited, func() bool { return w.planning(quiet) }); err != nil {
		return nil, err
	}
	until := time.Since(began)
	answers, err := w.answers(limited, before)
	if err != nil {
		return nil, err
	}
	return []row{
		measured("/plan of a quiet repository behind 1,000 of a loud one, until it begins", until.Seconds(), "s", 5, ""),
		// A thousand at once, beside the double and forty plans: GitHub ends a delivery after 10 s, and a tenth of that is never near it.
		measured("POST to 200 under that load, p99", ms(answers[len(answers)*99/100]), "ms", 1000, fmt.Sprintf("median %.1f ms of %d", median(answers), len(answers))),
	}, nil
}

// loud opens pull requests that each change the one project.
func (w *world) loud(pulls int) (numbers []int, err error) {
	for i := range pulls {
		branch := fmt.Sprint("b", i)
		if _, err := w.github.As(person).Push(repository, branch, "change", projects(1, branch)); err != nil {
			return nil, err
		}
		n, err := w.github.As(person).OpenPull(repository, branch, "main", "change", "", false)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// answers is how long each delivery after the first few was on its way, shortest
// first.
func (w *world) answers(ctx context.Context, after int) (out []time.Duration, err error) {
	done := func() bool {
		return !slices.ContainsFunc(w.github.Deliveries(), func(d github.Delivery) bool { return !d.Done })
	}
	if err := w.github.Wait(ctx, done); err != nil {
		return nil, err
	}
	for _, d := range w.github.Deliveries()[after:] {
		if d.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("a delivery of the flood was answered %d %s", d.StatusCode, d.Status)
		}
		out = append(out, d.Duration)
	}
	slices.Sort(out)
	return out, nil
}

// quiet is a draft of another organisation, which is not planned by itself.
func (w *world) quiet() (number int, err error) {
	d := w.github
	for _, do := range []func() error{
		func() error { return d.AddOrg("quiet", "zoe") },
		func() error { return d.AddRepository("quiet", "infra", "main") },
		func() error { return d.SetPermission(quietRepository, "zoe", "write") },
		func() error {
			_, err := d.Commit(quietRepository, "main", "zoe", "base", projects(1, "before"))
			return err
		},
		func() error { _, err := d.Install(quietRepository); return err },
		func() error {
			_, err := d.As("zoe").Push(quietRepository, "topic", "change", projects(1, "after"))
			return err
		},
		func() error {
			number, err = d.As("zoe").OpenPull(quietRepository, "topic", "main", "change", "", true)
			return err
		},
	} {
		if err := do(); err != nil {
			return 0, err
		}
	}
	return number, nil
}

// planning reports whether the quiet pull request has a check run, which it gets
// when its first plan begins: it is a draft, so nothing begins by itself.
func (w *world) planning(number int) bool {
	v, err := w.github.Pull(quietRepository, number)
	return err == nil && slices.ContainsFunc(v.Checks, func(c github.CheckView) bool { return c.Name == "lockkeeper/plan" })
}
