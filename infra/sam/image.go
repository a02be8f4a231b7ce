package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"adcp-orchestrator/infra/local/stack"
)

// baseImage is Lambda's image of the runtime. rapidImage is the image that the SAM CLI builds from
// it, with its own runtime emulator inside.
const (
	baseImage  = "public.ecr.aws/lambda/provided:al2023-"
	rapidImage = "public.ecr.aws/lambda/provided:al2023-rapid-"
)

// dockerfile makes a substitute for rapidImage if baseImage can't be pulled. A function that is
// linked statically needs nothing more.
const dockerfile = `FROM scratch
COPY aws-lambda-rie /var/rapid/aws-lambda-rie
COPY cacert.pem /etc/ssl/certs/ca-certificates.crt
WORKDIR /tmp
`

func checkDocker(ctx context.Context) error {
	if _, err := output(ctx, "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("`sam local` runs functions in containers, but Docker does not answer: "+
			"install it or start it\n%w", err)
	}
	return nil
}

// ensureImage makes sure that the image of the runtime exists. pulled reports that it is Lambda's
// own image, from which the SAM CLI may build rapidImage. Otherwise the CLI must not pull.
func (s session) ensureImage(ctx context.Context) (pulled bool, err error) {
	tag := rapidImage + architecture()
	if _, err := output(ctx, "docker", "image", "inspect", tag); err == nil {
		return false, nil // it exists; the CLI would ask the registry for a newer one
	}
	pullCtx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s.printf("pulling %s", baseImage+architecture())
	_, pullErr := output(pullCtx, "docker", "pull", "--quiet", baseImage+architecture())
	if pullErr == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	s.printf("can't pull it: building a substitute from files of the SAM CLI")
	if err := s.buildImage(ctx, tag); err != nil {
		return false, errors.Join(pullErr, err)
	}
	return false, nil
}

func (s session) buildImage(ctx context.Context, tag string) error {
	dir, err := os.MkdirTemp(s.dir, "image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return err
	}
	packages := filepath.Join(s.dir, "venv", "lib", "python3*", "site-packages")
	for name, pattern := range map[string]string{
		"aws-lambda-rie": filepath.Join(packages, "samcli", "local", "rapid", "aws-lambda-rie-"+architecture()),
		"cacert.pem":     filepath.Join(packages, "certifi", "cacert.pem"),
	} {
		if err := copyMatch(pattern, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	_, err = output(ctx, "docker", "build", "--quiet", "--tag", tag, dir)
	return err
}

// copyMatch copies the first file that matches a pattern, as an executable.
func copyMatch(pattern, target string) error {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return fmt.Errorf("there is no file %s: remove %s and try again", pattern, filepath.Dir(filepath.Dir(target)))
	}
	return stack.CopyExecutable(found[0], target)
}
