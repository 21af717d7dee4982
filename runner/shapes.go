package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/lockkeeper/lockkeeper/runner/planjson"
)

// What providers say of the shape of values is remembered for plans that come later, with
// what was found when terraform's own JSON of such a plan was compared with the one that
// is made without it (docs/adr/0041). It belongs to a pair: one terraform program, and one
// set of provider packages by their hashes. A provider that lies about shapes lies to those
// who run that same provider, and to nobody else.

// shapesDir is where that is remembered, below Options.Providers. No job comes to it.
const shapesDir = "shapes"

// Bounds of what is remembered, and of the time to find it out.
const (
	maxPairs    = 64
	maxPacked   = 32 << 20 // bytes of a pair
	learnWithin = 2 * time.Minute
)

// builtin is the provider that is a part of terraform.
const builtin = "terraform.io/builtin/terraform"

// shapes are what is remembered of one pair.
type shapes struct {
	at       string // its files begin so
	version  string // of terraform
	packages []lockedProvider
}

const (
	metEnd     = ".met"
	schemasEnd = ".zip"
)

func (s *shapes) met() string     { return s.at + metEnd }
func (s *shapes) schemas() string { return s.at + schemasEnd }
func (s *shapes) agreed() string  { return s.at + ".agreed" }
func (s *shapes) differs() string { return s.at + ".differs" }

// shapes is the pair of this job; nil where terraform show has to tell: the program is not
// Terraform, the rules of plan policy see the whole JSON, a package is not known by its hash,
// or the pair was seen to differ.
func (j *job) shapes() *shapes {
	o := j.options
	version, isTerraform := strings.CutPrefix(o.TerraformName, "Terraform ")
	if o.Providers == "" || o.CLIConfig != "" || j.doc.Policy != nil || !isTerraform || slices.ContainsFunc(o.Pass, decidesProviders) {
		return nil
	}
	program, err := stampOf(o.Terraform)
	if err != nil {
		return nil
	}
	packages := providersIn(j.settledLock)
	if len(packages) != strings.Count("\n"+string(j.settledLock), "\nprovider ") {
		return nil
	}
	id := []string{fmt.Sprint(planjson.Version), o.TerraformName, string(program)}
	for i, p := range packages {
		hash, err := j.sharedPackages().hash(p.path())
		if err != nil || !slices.Contains(p.hashes, hash) || !packageName.MatchString(filepath.ToSlash(p.path())) {
			return nil
		}
		packages[i].hashes = []string{hash}
		id = append(id, p.source+" "+hash)
	}
	slices.Sort(id[3:])
	content, err := json.Marshal(id)
	if err != nil {
		return nil
	}
	digest := sha256.Sum256(content)
	s := &shapes{at: filepath.Join(o.Providers, shapesDir, hex.EncodeToString(digest[:])), version: version, packages: packages}
	if _, err := os.Lstat(s.differs()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return s
}

// decidesProviders reports whether a variable may change which providers terraform starts.
func decidesProviders(variable string) bool {
	return strings.HasPrefix(variable, "TF_") && !strings.HasPrefix(variable, "TF_VAR_") && !strings.HasPrefix(variable, "TF_TOKEN_")
}

// read makes the JSON of a plan file. Where no schemas are remembered the error is
// fs.ErrNotExist.
func (s *shapes) read(plan string) (planjson.Plan, error) {
	known, err := os.Open(s.schemas())
	if err != nil {
		return planjson.Plan{}, err
	}
	defer func() { _ = known.Close() }()
	info, err := known.Stat()
	if err != nil {
		return planjson.Plan{}, err
	}
	schemas, err := planjson.OpenSchemas(known, info.Size())
	if err != nil {
		return planjson.Plan{}, errors.Join(err, os.Remove(s.schemas())) // the next plan learns them again
	}
	f, err := os.Open(plan)
	if err != nil {
		return planjson.Plan{}, err
	}
	defer func() { _ = f.Close() }()
	if info, err = f.Stat(); err != nil {
		return planjson.Plan{}, err
	}
	return planjson.Read(f, info.Size(), s.version, schemas)
}

// compared are the types of resources of which a plan was compared and did not differ.
func (s *shapes) compared() (types []string) {
	content, err := os.ReadFile(s.agreed())
	if err != nil || json.Unmarshal(content, &types) != nil {
		return nil
	}
	return append(types, "") // a plan without resources
}

// trusts reports whether each type of resource was compared.
func (s *shapes) trusts(types []string) bool {
	compared := s.compared()
	return len(compared) > 0 && !slices.ContainsFunc(types, func(t string) bool { return !slices.Contains(compared, t) })
}

// agree remembers that plans of these types do not differ.
func (s *shapes) agree(p packages, types []string) error {
	all := slices.DeleteFunc(append(s.compared(), types...), func(t string) bool { return t == "" })
	slices.Sort(all)
	content, err := json.Marshal(append([]string{}, slices.Compact(all)...))
	if err != nil {
		return err
	}
	return p.write(shapesDir, filepath.Base(s.agreed()), content)
}

// learn asks the providers of a pair for their schemas: all of them, in a directory in
// which no line of the project is. One job at a time does that; the others go on without.
func (j *job) learn(ctx context.Context, s *shapes) error {
	dir := filepath.Dir(s.at)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".learning"), os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errNotNow
	}
	ctx, cancel := context.WithTimeout(ctx, learnWithin)
	defer cancel()
	f, err := j.asker(s.packages)
	if err != nil {
		return err
	}
	defer func() {
		f.leave()
		_ = os.RemoveAll(f.options.Dir) // the engine removes all of the job's directory
	}()
	if p := f.terraform(ctx, "schema", "providers", "schema", "-json"); p != nil {
		return fmt.Errorf("%w: %s", p, p.Detail)
	}
	return j.pack(f, s)
}

// errNotNow means that this plan does not ask providers for their schemas.
var errNotNow = errors.New("another plan asks")

// again is nil when a plan of the pair came before: the first one is waited for longest,
// and goes on without. Else it is errNotNow.
func (s *shapes) again(p packages) error {
	if _, err := os.Lstat(s.met()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	forgetPairs(filepath.Dir(s.at), metEnd, maxPairs-1)
	if err := p.write(shapesDir, filepath.Base(s.met()), nil); err != nil {
		return err
	}
	return errNotNow
}

// asker is a job below this one with the packages of a pair, and nothing of the project.
func (j *job) asker(locked []lockedProvider) (*job, error) {
	var names []string
	var lock strings.Builder
	for _, p := range locked {
		names = append(names, p.path())
		fmt.Fprintf(&lock, "provider %q {\n  version = %q\n  hashes = [\n    %q,\n  ]\n}\n", p.source, p.version, p.hashes[0])
	}
	f, err := j.apart(names, names, func(mirror string) string { return mirrorConfig(mirror, locked, nil) })
	if err != nil {
		return nil, err
	}
	main := requiring(names) + "resource \"terraform_data\" \"own\" {}\n" // for the provider that is built in
	if !f.linkProviders([]byte(lock.String())) {
		return nil, errors.New("a package of a provider is gone")
	}
	return f, errors.Join(os.WriteFile(filepath.Join(f.dir, "main.tf"), []byte(main), 0o644), os.WriteFile(filepath.Join(f.dir, lockFile), []byte(lock.String()), 0o644))
}

// pack keeps what terraform printed of the schemas.
func (j *job) pack(f *job, s *shapes) error {
	providers := []string{builtin}
	for _, p := range s.packages {
		providers = append(providers, p.source)
	}
	from, err := os.Open(f.path(printedFile))
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	temp := s.at + "." + j.doc.JobID
	to, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = planjson.Pack(from, to, providers)
	if info, errStat := to.Stat(); err == nil && (errStat != nil || info.Size() > maxPacked) {
		err = errors.Join(errors.New("the schemas of the providers are too large"), errStat)
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	forgetPairs(filepath.Dir(s.at), schemasEnd, maxPairs-1)
	return os.Rename(temp, s.schemas())
}

// forgetPairs removes the oldest of those that have a file with this end, until no more
// than a number is left.
func forgetPairs(dir, end string, most int) {
	pairs, err := filepath.Glob(filepath.Join(dir, "*"+end))
	if err != nil || len(pairs) <= most {
		return
	}
	made := func(name string) time.Time {
		info, err := os.Stat(name)
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortFunc(pairs, func(a, b string) int { return made(a).Compare(made(b)) })
	for _, name := range pairs[:len(pairs)-most] {
		base := strings.TrimSuffix(name, end)
		for _, of := range []string{metEnd, ".agreed", ".differs", schemasEnd} {
			_ = os.Remove(base + of) // what stays is removed with the next one
		}
	}
}
