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

// Lambda's image of the runtime, and the tag that the SAM CLI gives what it makes of it: with its own runtime emulator inside.
const (
	baseImage  = "public.ecr.aws/lambda/provided:al2023-"
	rapidImage = "public.ecr.aws/lambda/provided:al2023-rapid-"
)

// dockerfile makes the stand-in for an image that can't be pulled. A function that is linked statically needs nothing more.
const dockerfile = `FROM scratch
COPY aws-lambda-rie /var/rapid/aws-lambda-rie
COPY cacert.pem /etc/ssl/certs/ca-certificates.crt
WORKDIR /tmp
`

func checkDocker(ctx context.Context) error {
	if _, err := output(ctx, "docker", "version", "--format", "{{.Server.Version}}"); err != nil {
		return fmt.Errorf("`sam local` runs functions in containers, and Docker does not answer: install it or start it\n%w", err)
	}
	return nil
}

// ensureImage sees to the runtime's image. pulled tells that there is Lambda's own, which the SAM CLI may look after; otherwise it must not try.
func (s session) ensureImage(ctx context.Context) (pulled bool, err error) {
	tag := rapidImage + architecture()
	if _, err := output(ctx, "docker", "image", "inspect", tag); err == nil {
		return false, nil // there already; the CLI would ask the registry whether it is the newest
	}
	patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s.printf("pulling %s", baseImage+architecture())
	_, pullErr := output(patience, "docker", "pull", "--quiet", baseImage+architecture())
	if pullErr == nil {
		return true, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	s.printf("it can't be pulled: building a stand-in from what the SAM CLI brings along")
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

// copyMatch copies the one file that a pattern finds, as an executable.
func copyMatch(pattern, target string) error {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no file %s: remove %s and try again", pattern, filepath.Dir(filepath.Dir(target)))
	}
	return stack.CopyExecutable(found[0], target)
}
