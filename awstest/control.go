package awstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// Call is one request that the emulator got.
type Call struct {
	Principal string         `json:"principal"` // access key: of a role its name
	UserID    string         `json:"userid"`    // what aws:userid is for a container or function; empty for others
	Service   string         `json:"service"`   // signing name, such as s3, sqs, states
	Action    string         `json:"action"`    // of services that name one; empty for REST
	Method    string         `json:"method"`
	Path      string         `json:"path"`
	Query     string         `json:"query"`
	Params    map[string]any `json:"params"`
	// IfNoneMatch is the header of that name: the condition of a write.
	IfNoneMatch string `json:"if_none_match"`
	// Invocation is the same for all attempts that an SDK made of one call; empty when
	// whoever called is no SDK of AWS that says so.
	Invocation string `json:"invocation"`
	Fault      string `json:"fault,omitempty"` // kind of the fault that it met
}

// Fault is what happens to the next calls that match.
type Fault struct {
	// Match holds regular expressions for fields of a Call: principal, service,
	// action, method, path.
	Match map[string]string `json:"match"`
	Times int               `json:"times"`
	// Kind is "error" (the call is refused with Status and Code), "lost" (it is
	// carried out and its answer is lost) or "delay".
	Kind    string  `json:"kind"`
	Status  int     `json:"status,omitempty"`
	Code    string  `json:"code,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
}

// Throttled refuses calls as AWS does under load.
func Throttled(service, action string, times int) Fault {
	return Fault{Match: map[string]string{"service": service, "action": action}, Times: times, Kind: "error", Status: 400, Code: "ThrottlingException"}
}

// Lost carries out calls and loses their answers.
func Lost(service, action string, times int) Fault {
	return Fault{Match: map[string]string{"service": service, "action": action}, Times: times, Kind: "lost"}
}

// Calls lists every request since the start or the last Forget.
func (e *Emulator) Calls(t testing.TB) []Call {
	t.Helper()
	var calls []Call
	e.control(t, "calls", nil, &calls)
	return calls
}

// Forget empties the record of calls.
func (e *Emulator) Forget(t testing.TB) { t.Helper(); e.control(t, "forget", nil, nil) }

// Inject replaces the faults to come.
func (e *Emulator) Inject(t testing.TB, faults ...Fault) {
	t.Helper()
	if faults == nil {
		faults = []Fault{}
	}
	e.control(t, "faults", faults, nil)
}

// Network returns ids of the default subnets and security group.
func (e *Emulator) Network(t testing.TB) (subnets, securityGroups []string) {
	t.Helper()
	var n struct {
		Subnets        []string `json:"subnets"`
		SecurityGroups []string `json:"security_groups"`
	}
	e.control(t, "network", map[string]string{"region": Region}, &n)
	return n.Subnets, n.SecurityGroups
}

// Interrupt takes the machine of a Batch job as Fargate Spot does: SIGTERM, the
// grace, SIGKILL, and a status reason that retry rules may match. It meets the
// attempt that runs, or the next one.
func (e *Emulator) Interrupt(t testing.TB, job string) {
	t.Helper()
	e.control(t, "interrupt", map[string]string{"job": job}, nil)
}

// Advance moves the clock of schedules forward.
func (e *Emulator) Advance(t testing.TB, d time.Duration) {
	t.Helper()
	e.control(t, "clock", map[string]float64{"seconds": d.Seconds()}, nil)
}

func (e *Emulator) control(t testing.TB, what string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(e.Endpoint+"/_emulator/"+what, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("emulator control %s: %s: %s", what, answer.Status, text)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			t.Fatal(err)
		}
	}
}
