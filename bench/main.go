// Command bench measures what Lockkeeper adds to bare Terraform, in one run on
// one machine, so that every time is a ratio or a difference of neighbours. It
// prints a table and writes it as JSON; docs say which budget each row has.
//
// While other work fills the processors, times say little: every process then waits
// about three times as long as it runs, and Linux shares processors between sessions
// (sched(7), "The autogroup feature"), of which each job is one and everything bare
// together another. Compare the processor time per project then.
//
// It stands outside of the flow and may import everything: the GitHub double
// runs in this process, Lockkeeper as the process that people run.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"
)

// row is one measurement against its budget.
type row struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Budget float64 `json:"budget"` // the most that Value may be
	OK     bool    `json:"ok"`
	note   string
}

func measured(name string, value float64, unit string, budget float64, note string) row {
	return row{name, value, unit, budget, value <= budget, note}
}

func main() {
	lockkeeper := flag.String("lockkeeper", "bin/lockkeeper", "the binary to measure")
	out := flag.String("out", "bench.json", "where to write the rows")
	rounds := flag.Int("rounds", 15, "how often each time is taken; the median counts")
	only := flag.String("only", "", "one measurement instead of all: one, twenty, large, applies, processes, deliveries, flood, idle, jail or affected")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, *lockkeeper, *out, *only, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, lockkeeper, out, only string, rounds int) error {
	binary, err := filepath.Abs(lockkeeper)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lockkeeper-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bencher{binary: binary, dir: dir, rounds: rounds}
	var rows []row
	for _, m := range b.measurements() {
		if only != "" && m.name != only {
			continue
		}
		more, err := m.take(ctx)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	print(rows)
	text, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(text, '\n'), 0o644)
}

// measurement makes one or more rows.
type measurement struct {
	name string
	take func(context.Context) ([]row, error)
}

func (b *bencher) measurements() []measurement {
	return []measurement{
		{"one", b.onePlan}, {"twenty", b.twentyPlans}, {"large", b.largeRepository}, {"applies", b.twentyApplies},
		{"processes", b.processes}, {"deliveries", b.deliveries}, {"flood", b.flood}, {"idle", b.idle}, {"jail", b.jail}, {"affected", b.affected},
	}
}

func print(rows []row) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tmeasured\tbudget\t\t")
	for _, r := range rows {
		mark := "ok"
		if !r.OK {
			mark = "OVER"
		}
		fmt.Fprintf(w, "%s\t%.4g %s\t%.4g\t%s\t%s\n", r.Name, r.Value, r.Unit, r.Budget, mark, r.note)
	}
	_ = w.Flush()
}
