package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// sourceKey is where the build project of base.yaml finds its source.
const sourceKey = "build/source.zip"

// build has CodeBuild make the image of a commit, unless it is there, and returns it
// by digest. base are the outputs of its stack.
func (r *Rollout) build(ctx context.Context, base map[string]string, source Source) (string, error) {
	image, err := r.imageOf(ctx, base["Repository"], source.Tag)
	if err != nil || image != "" {
		return image, err
	}
	key, began := sourceKey, time.Now()
	if _, err := r.objects.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(base["Bucket"]), Key: &key, Body: source.Archive}); err != nil {
		return "", fmt.Errorf("storing the source of the image: %w", err)
	}
	started, err := r.builds.StartBuild(ctx, &codebuild.StartBuildInput{
		ProjectName:                  aws.String(base["BuildProject"]),
		EnvironmentVariablesOverride: []buildtypes.EnvironmentVariable{{Name: aws.String("TAG"), Value: &source.Tag}},
	})
	if err != nil {
		return "", fmt.Errorf("building the image: %w", err)
	}
	id := aws.ToString(started.Build.Id)
	r.say("image", "CodeBuild builds %s, which takes about 6 minutes", source.Tag)
	if err := r.built(ctx, id); err != nil {
		return "", err
	}
	image, err = r.imageOf(ctx, base["Repository"], source.Tag)
	if err == nil && image == "" {
		err = fmt.Errorf("the build %s succeeded, and there is no image %s in %s", id, source.Tag, base["Repository"])
	}
	if err == nil {
		r.say("image", "built in %.0f s: %s", time.Since(began).Seconds(), image)
	}
	return image, err
}

// built waits for the end of a build.
func (r *Rollout) built(ctx context.Context, id string) error {
	for {
		out, err := r.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return fmt.Errorf("looking at the build %s: %w", id, err)
		}
		if len(out.Builds) != 1 {
			return fmt.Errorf("the build %s is not there", id)
		}
		switch b := out.Builds[0]; b.BuildStatus {
		case buildtypes.StatusTypeInProgress, "":
		case buildtypes.StatusTypeSucceeded:
			return nil
		default:
			log := "its log"
			if b.Logs != nil && b.Logs.DeepLink != nil {
				log = *b.Logs.DeepLink
			}
			return fmt.Errorf("the build %s ended as %s: %s says why", id, b.BuildStatus, log)
		}
		if err := r.wait(ctx); err != nil {
			return err
		}
	}
}

// imageOf is the image with a tag, by digest; empty when there is none.
func (r *Rollout) imageOf(ctx context.Context, repository, tag string) (string, error) {
	_, name, _ := strings.Cut(repository, "/")
	out, err := r.images.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &name, ImageIds: []ecrtypes.ImageIdentifier{{ImageTag: &tag}}})
	if _, missing := errors.AsType[*ecrtypes.ImageNotFoundException](err); missing {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking for the image %s in %s: %w", tag, repository, err)
	}
	if len(out.ImageDetails) == 0 {
		return "", nil
	}
	return repository + "@" + aws.ToString(out.ImageDetails[0].ImageDigest), nil
}

// deployedImage is the one that all environments have which have one. Environments of
// different images are an error, not a choice: taking one would change another without a
// word.
func (r *Rollout) deployedImage(ctx context.Context) (string, error) {
	var image, of string
	for _, s := range r.Settings.stacks()[2:] {
		there, err := r.look(ctx, s.Name)
		if err != nil {
			return "", err
		}
		switch its := parameters(there)["ImageUri"]; {
		case its == "" || its == image:
		case image == "":
			image, of = its, s.Name
		default:
			return "", fmt.Errorf("%s has the image %s, and %s has %s: say with --image or --source which one all are to have", of, image, s.Name, its)
		}
	}
	return image, nil
}
