// Command lockkeeper-runner is "lockkeeper runner" and nothing else. A process
// is started for each job, and this one starts in a quarter of the time because
// it carries no server (docs/adr/0008). The engine uses it when it lies beside
// lockkeeper.
package main

import (
	"context"
	"os"

	"github.com/lockkeeper/lockkeeper/runner"
)

func main() { os.Exit(runner.Main(context.Background(), os.Args[1:])) }
