package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"

	"github.com/lockkeeper/lockkeeper/run"
	"github.com/lockkeeper/lockkeeper/runner/planjson"
)

// sampleEvery is of how many plans whose JSON was made without terraform show one is
// compared with it. Which one, nobody who writes a plan file can know.
const sampleEvery = 50

// show makes the plan's JSON: from the plan file itself, where what comes out was seen to be
// what terraform show prints, and else by that.
func (j *job) show(ctx context.Context) *run.Problem {
	s := j.shapes()
	var own planjson.Plan
	var err error
	if s != nil {
		if own, err = s.read(j.path(run.ArtifactPlan)); err == nil && s.trusts(own.Types) && rand.N(sampleEvery) > 0 {
			j.document, j.planRead = own.JSON, run.PlanReadFile
			return nil
		}
	}
	if p := j.terraform(ctx, "show", "show", "-json", "-no-color", j.path(run.ArtifactPlan)); p != nil {
		return p
	}
	j.planRead = run.PlanReadShow
	if s == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if err = s.again(j.sharedPackages()); err == nil {
			err = j.learn(ctx, s)
		}
		if err == nil {
			own, err = s.read(j.path(run.ArtifactPlan))
		}
	}
	if err == nil {
		err = j.compareShown(s, own)
	}
	if err != nil && !errors.Is(err, errNotNow) {
		fmt.Fprintf(os.Stderr, "making the plan's JSON without terraform show: %v\n", err) // it is there
	}
	return ended(ctx)
}

// compareShown compares what terraform show printed with what was made of the plan file. A
// pair that differs once is left to terraform show from now on.
func (j *job) compareShown(s *shapes, own planjson.Plan) error {
	shown, closes, err := j.planJSON()
	if err != nil {
		return err
	}
	defer closes()
	content, err := io.ReadAll(shown)
	if err != nil {
		return err
	}
	part, err := planjson.Differ(content, own.JSON)
	if err != nil {
		return err
	}
	if part == "" {
		j.planRead = run.PlanReadCompared
		return s.agree(j.sharedPackages(), own.Types)
	}
	j.planRead = run.PlanReadDiffers
	return errors.Join(fmt.Errorf("%s is not as terraform show has it; it is not done again with this terraform and these providers", part),
		os.WriteFile(s.differs(), []byte(part+"\n"), 0o600))
}

// planJSON is the plan's JSON, and how to close it.
func (j *job) planJSON() (_ *io.SectionReader, closes func(), _ error) {
	if j.document != nil {
		return io.NewSectionReader(bytes.NewReader(j.document), 0, int64(len(j.document))), func() {}, nil
	}
	f, err := os.Open(j.path(printedFile))
	if err != nil {
		return nil, nil, err
	}
	shown := j.wrote["show"][0]
	return io.NewSectionReader(f, shown.from, shown.to-shown.from), func() { _ = f.Close() }, nil
}
