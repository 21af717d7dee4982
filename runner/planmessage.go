package runner

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// The fields of a plan that terraform show tells nothing of, of the message Plan of
// Terraform's and OpenTofu's planfile.proto.
const (
	fieldVariables  = 2
	fieldChanges    = 3
	fieldBackend    = 13
	fieldDrift      = 18
	fieldStateStore = 29 // what may come in the place of the backend
)

// Those of the message ResourceInstanceChange.
const (
	fieldChange         = 9
	fieldAddress        = 13
	fieldEarlierAddress = 14
)

// fieldImporting is one of the message Change.
const fieldImporting = 5

// Bounds of what is kept of a plan, in bytes.
const (
	maxGiven  = 64 << 20 // of variables and moves
	maxChange = 64 << 20 // of each change while it is read
)

// readPlanMessage reads the message of a plan file that is the plan: its backend, the
// values of its variables, and what moved. It does not keep what it passes over.
func readPlanMessage(from io.Reader) (planFile, error) {
	limited := &io.LimitedReader{R: from, N: maxPlanJSON}
	m := planMessage{Reader: bufio.NewReader(limited), left: maxGiven, plan: planFile{given: map[string][]byte{}, moves: map[string]string{}, imports: map[string]bool{}}}
	for {
		tag, err := binary.ReadUvarint(m)
		if err == io.EOF && limited.N > 0 {
			break
		}
		if limited.N == 0 {
			return planFile{}, fmt.Errorf("the plan is larger than %s", megabytes(maxPlanJSON))
		}
		if err != nil {
			return planFile{}, notAPlan(err)
		}
		if err := m.field(tag>>3, protowire.Type(tag&7)); err != nil {
			return planFile{}, err
		}
	}
	if m.backend == nil {
		return planFile{}, notAPlan(errors.New("it has no backend"))
	}
	backend, err := parseBackend(m.backend)
	m.plan.backend = backend
	return m.plan, err
}

// planMessage reads one field of a plan after the other.
type planMessage struct {
	*bufio.Reader
	left    int64 // bytes that may still be kept of variables and moves
	backend []byte
	plan    planFile
}

func (m *planMessage) field(number uint64, wire protowire.Type) error {
	switch {
	case number == fieldStateStore, number == fieldBackend && (m.backend != nil || wire != protowire.BytesType):
		return errors.New("it does not have one backend")
	case number == fieldBackend:
		content, err := m.bytes(maxBackend, "its backend is too large")
		m.backend = content
		return err
	case number == fieldVariables && wire == protowire.BytesType:
		content, err := m.bytes(m.left, "the values of its variables are too large")
		if err != nil {
			return err
		}
		m.left -= int64(len(content))
		return m.variable(content)
	case (number == fieldChanges || number == fieldDrift) && wire == protowire.BytesType:
		content, err := m.bytes(maxChange, "a change in it is too large")
		if err != nil {
			return err
		}
		return m.change(content)
	}
	if err := passOver(m.Reader, wire); err != nil {
		return notAPlan(err)
	}
	return nil
}

// bytes is the value of a field of at most limit bytes.
func (m *planMessage) bytes(limit int64, tooLarge string) ([]byte, error) {
	size, err := binary.ReadUvarint(m)
	if err != nil {
		return nil, notAPlan(err)
	}
	switch {
	case size > maxPlanJSON:
		return nil, notAPlan(io.ErrUnexpectedEOF)
	case size > uint64(limit):
		return nil, errors.New(tooLarge)
	}
	content, err := io.ReadAll(io.LimitReader(m, int64(size))) // no room for what is not there
	if err != nil || uint64(len(content)) < size {
		return nil, notAPlan(cmp.Or(err, io.ErrUnexpectedEOF))
	}
	return content, nil
}

// variable is an entry of a map of names and values.
func (m *planMessage) variable(content []byte) error {
	entry, err := bytesFields(content, 2)
	if err != nil {
		return err
	}
	value, err := bytesFields(entry[2], 1)
	if err != nil {
		return err
	}
	name := string(entry[1])
	if _, twice := m.plan.given[name]; twice {
		return fmt.Errorf("it has the variable %.100q twice", name)
	}
	m.plan.given[name] = value[1]
	return nil
}

// change notes whether the object of a change is imported, and from where it moved.
func (m *planMessage) change(content []byte) error {
	var address, earlier string
	var imported bool
	for len(content) > 0 {
		number, wire, n := protowire.ConsumeTag(content)
		if n < 0 {
			return notAPlan(protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, wire, content[n:])
		if size < 0 {
			return notAPlan(protowire.ParseError(size))
		}
		if wire == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(content[n:])
			switch number {
			case fieldAddress:
				address = string(value)
			case fieldEarlierAddress:
				earlier = string(value)
			case fieldChange:
				imported = imported || hasField(value, fieldImporting)
			}
		}
		content = content[n+size:]
	}
	if imported {
		m.plan.imports[address] = true
	}
	if earlier == "" || earlier == address {
		return nil
	}
	if m.left -= int64(len(address) + len(earlier)); m.left < 0 {
		return errors.New("too much moves in it")
	}
	if other, twice := m.plan.moves[address]; twice && other != earlier {
		return fmt.Errorf("%.200q moves from two places in it", address)
	}
	m.plan.moves[address] = earlier
	return nil
}

// hasField reports whether a message has a field.
func hasField(content []byte, want protowire.Number) bool {
	for len(content) > 0 {
		number, _, n := protowire.ConsumeField(content)
		if n < 0 {
			return false // terraform does not read it either
		}
		if number == want {
			return true
		}
		content = content[n:]
	}
	return false
}

func notAPlan(err error) error { return fmt.Errorf("%w: %w", errNoPlanFile, err) }

// passOver skips the value of a field.
func passOver(r *bufio.Reader, wire protowire.Type) error {
	var size uint64
	var err error
	switch wire {
	case protowire.VarintType:
		_, err = binary.ReadUvarint(r)
	case protowire.Fixed32Type:
		size = 4
	case protowire.Fixed64Type:
		size = 8
	case protowire.BytesType:
		size, err = binary.ReadUvarint(r)
	default:
		err = fmt.Errorf("it has a field of the type %d", wire)
	}
	if err != nil {
		return err
	}
	if size > maxPlanJSON {
		return io.ErrUnexpectedEOF
	}
	_, err = io.CopyN(io.Discard, r, int64(size))
	return err
}

// bytesFields reads a message whose fields are 1 to most, each a string, bytes
// or a message, and there at most once.
func bytesFields(content []byte, most protowire.Number) (map[protowire.Number][]byte, error) {
	out := map[protowire.Number][]byte{}
	for len(content) > 0 {
		number, wire, n := protowire.ConsumeTag(content)
		if n < 0 {
			return nil, notAPlan(protowire.ParseError(n))
		}
		content = content[n:]
		if _, twice := out[number]; twice || number > most || wire != protowire.BytesType {
			return nil, fmt.Errorf("it has a field %d in a place where none belongs", number)
		}
		value, n := protowire.ConsumeBytes(content)
		if n < 0 {
			return nil, notAPlan(protowire.ParseError(n))
		}
		out[number], content = value, content[n:]
	}
	return out, nil
}
