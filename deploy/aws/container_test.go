package deploy

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asContainer in the environment makes the test's binary the image of a job.
const asContainer = "LOCKKEEPER_TEST_CONTAINER"

// goOn in the environment names a file: when it is there, a function that is held dies.
const goOn = "LOCKKEEPER_TEST_GO_ON"

func TestMain(m *testing.M) {
	if os.Getenv(asContainer) == "" {
		os.Exit(m.Run())
	}
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" && len(os.Args) == 2 && os.Args[1] == "job" && os.Getenv("LOCKKEEPER_BUCKET") != "" {
		os.Exit(function("http://" + api + "/2018-06-01/runtime/invocation/"))
	}
	os.Exit(job(os.Args[1:]))
}

// job does what the name of the job document says.
func job(args []string) int {
	if len(args) != 3 || args[0] != "job" || args[1] != "--document" || os.Getenv("LOCKKEEPER_BUCKET") == "" || !strings.HasPrefix(os.Getenv("LOCKKEEPER_EXTERNAL_ID"), "external-") {
		fmt.Println("wrong arguments or environment:", args)
		return 2
	}
	switch {
	case strings.HasPrefix(args[2], "inputs/bad-"):
		return 7
	case strings.HasPrefix(args[2], "inputs/memory-"):
		if !strings.HasPrefix(args[2], "inputs/memory-"+os.Getenv("LOCKKEEPER_MEMORY")+"-") {
			return 8
		}
	case strings.HasPrefix(args[2], "inputs/slow"), strings.HasPrefix(args[2], "inputs/spot") && os.Getenv("AWS_BATCH_JOB_ATTEMPT") == "1":
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		<-asked
		return 1
	}
	return 0
}

// function answers invocations until one says that it should die.
func function(runtime string) int {
	for {
		next, err := http.Get(runtime + "next")
		if err != nil {
			return 1
		}
		body, err := io.ReadAll(next.Body)
		_ = next.Body.Close()
		if err != nil || strings.Contains(string(body), "inputs/dies-") {
			return 1
		}
		if strings.Contains(string(body), "inputs/held-") {
			for {
				if _, err := os.Stat(os.Getenv(goOn)); err == nil {
					return 1
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
		answer, err := http.Post(runtime+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader(`{"key":"the result"}`))
		if err != nil {
			return 1
		}
		_ = answer.Body.Close()
	}
}
