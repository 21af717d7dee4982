package runner

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// maxBackend is how many bytes of a plan's backend are read. The rest of the
// plan is passed over.
const maxBackend = 256 << 10

// plannedBackend is the backend of a plan. An apply takes it from there, not
// from the configuration, and terraform show tells nothing of it.
type plannedBackend struct {
	kind      string
	config    []byte // msgpack
	workspace string
}

func parseBackend(content []byte) (plannedBackend, error) {
	fields, err := bytesFields(content, 3)
	if err != nil {
		return plannedBackend{}, err
	}
	config, err := bytesFields(fields[2], 1)
	if err != nil {
		return plannedBackend{}, err
	}
	return plannedBackend{kind: string(fields[1]), config: config[1], workspace: string(fields[3])}, nil
}

// recordedBackend is what init wrote down of the backend (backendRecord).
type recordedBackend struct {
	Type   string         `json:"type"`
	Config map[string]any `json:"config"`
	Hash   json.Number    `json:"hash"` // of the block in the configuration
}

// backendIn reads a backendRecord. Without one, and without a backend in it,
// Terraform has the state in a local file.
func backendIn(record []byte) (recordedBackend, error) {
	var is struct {
		Backend *recordedBackend `json:"backend"`
	}
	if len(record) > 0 {
		d := json.NewDecoder(bytes.NewReader(record))
		d.UseNumber()
		if err := d.Decode(&is); err != nil {
			return recordedBackend{}, fmt.Errorf("reading the record of the backend: %w", err)
		}
	}
	if is.Backend == nil || is.Backend.Type == "" {
		return recordedBackend{Type: "local"}, nil
	}
	return *is.Backend, nil
}

// workspace is the one that a plan must have when the project has asked. HCP
// Terraform knows none that is called default: the configuration may name one.
func (b recordedBackend) workspace(asked string) string {
	if asked != "" && asked != "default" {
		return asked
	}
	if workspaces, ok := b.Config["workspaces"].(map[string]any); ok && b.Type == "cloud" {
		if name, ok := workspaces["name"].(string); ok && name != "" {
			return name
		}
	}
	return "default"
}

// differs says in which way a plan is of another state; empty when it is not.
// It shows no value: there may be secrets among them.
func (b recordedBackend) differs(plan plannedBackend, workspace string) string {
	want := b.workspace(workspace)
	switch {
	case plan.kind != b.Type:
		return fmt.Sprintf("the state of the plan is in a backend %.100q, that of the project in one that is %.100q", plan.kind, b.Type)
	case plan.workspace != want:
		return fmt.Sprintf("the plan is of the workspace %.100q, the project has %.100q", plan.workspace, want)
	case !isConfig(plan.config, b.Config):
		return fmt.Sprintf("the backend %.100q of the plan is not configured as init configured it, so the plan is of another state", plan.kind)
	}
	return ""
}

// isConfig reports whether msgpack, as Terraform writes it, has these values.
// Null is the same as nothing.
func isConfig(content []byte, want map[string]any) bool {
	d := msgpack.NewDecoder(bytes.NewReader(content))
	if want == nil {
		want = map[string]any{}
	}
	if !isNext(d, want) {
		return false
	}
	_, err := d.PeekCode()
	return err == io.EOF
}

// isNext goes only as deep as want does, and makes no room for lengths that the
// plan claims.
func isNext(d *msgpack.Decoder, want any) bool {
	code, err := d.PeekCode()
	if err != nil {
		return false
	}
	switch want := want.(type) {
	case nil:
		return code == msgpcode.Nil && d.DecodeNil() == nil
	case bool:
		got, err := d.DecodeBool()
		return err == nil && code != msgpcode.Nil && got == want
	case string:
		got, err := d.DecodeString()
		return err == nil && msgpcode.IsString(code) && got == want
	case json.Number:
		return isNumber(d, code, want.String())
	case []any:
		if !msgpcode.IsFixedArray(code) && code != msgpcode.Array16 && code != msgpcode.Array32 {
			return false
		}
		n, err := d.DecodeArrayLen()
		if err != nil || n != len(want) {
			return false
		}
		for _, w := range want {
			if !isNext(d, w) {
				return false
			}
		}
		return true
	case map[string]any:
		return isObject(d, code, want)
	}
	return false
}

func isObject(d *msgpack.Decoder, code byte, want map[string]any) bool {
	if !msgpcode.IsFixedMap(code) && code != msgpcode.Map16 && code != msgpcode.Map32 {
		return false
	}
	n, err := d.DecodeMapLen()
	if err != nil {
		return false
	}
	seen := map[string]bool{}
	for range n {
		key, err := d.DecodeString()
		if err != nil || seen[key] || !isNext(d, want[key]) {
			return false
		}
		seen[key] = true
	}
	for key, value := range want {
		if value != nil && !seen[key] {
			return false
		}
	}
	return true
}

// isNumber knows the three ways in which Terraform writes a number.
func isNumber(d *msgpack.Decoder, code byte, want string) bool {
	parse := func(s string) (*big.Float, bool) {
		f, _, err := big.ParseFloat(s, 10, 512, big.ToNearestEven)
		return f, err == nil
	}
	var got *big.Float
	ok := true
	switch {
	case msgpcode.IsString(code):
		s, err := d.DecodeString()
		if err != nil {
			return false
		}
		got, ok = parse(s)
	case code == msgpcode.Float, code == msgpcode.Double:
		f, err := d.DecodeFloat64()
		if err != nil || math.IsNaN(f) {
			return false
		}
		got = big.NewFloat(f)
	case code == msgpcode.Uint64:
		n, err := d.DecodeUint64()
		if err != nil {
			return false
		}
		got = new(big.Float).SetUint64(n)
	case code != msgpcode.Nil:
		n, err := d.DecodeInt64()
		if err != nil {
			return false
		}
		got = new(big.Float).SetInt64(n)
	default:
		return false
	}
	number, known := parse(want)
	return ok && known && got.Cmp(number) == 0
}
