package lint

import (
	"bytes"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const root = "../.."

// dockerfile is the stages as BuildKit reads them; what it would warn about fails.
func dockerfile(t *testing.T) []instructions.Stage {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	read, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range read.Warnings {
		t.Errorf("warning: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, at []parser.Range) {
		t.Errorf("%v: %s: %s (%s)", at, rule, message, description)
	}})
	stages, _, err := instructions.Parse(read.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	return stages
}

func TestTheImageIsABinaryAndNothingElse(t *testing.T) {
	t.Parallel()
	stages := dockerfile(t)
	last := stages[len(stages)-1]
	if last.BaseName != "scratch" {
		t.Errorf("the image is made from %s", last.BaseName)
	}
	seen := map[string]string{}
	for _, command := range last.Commands {
		seen[strings.ToLower(command.Name())] = ""
		switch c := command.(type) {
		case *instructions.UserCommand:
			seen["user"] = c.User
		case *instructions.RunCommand, *instructions.AddCommand:
			t.Errorf("the image runs or adds something: %v", c)
		case *instructions.HealthCheckCommand:
			if strings.Join(c.Health.Test, " ") != "CMD watchword ready" {
				t.Errorf("its health is asked by %v", c.Health.Test)
			}
		}
	}
	if seen["user"] != "65532:65532" {
		t.Errorf("it runs as %q, which Kubernetes must be able to tell from root", seen["user"])
	}
	for _, name := range []string{"healthcheck", "volume", "stopsignal", "entrypoint", "cmd"} {
		if _, ok := seen[name]; !ok {
			t.Errorf("it has no %s", strings.ToUpper(name))
		}
	}
	for _, stage := range stages {
		for _, command := range stage.Commands {
			if c, ok := command.(*instructions.ArgCommand); ok {
				for _, arg := range c.Args {
					if arg.Key != "VERSION" {
						t.Errorf("the build takes %s: arguments stay in the image's history", arg.Key)
					}
				}
			}
		}
	}
}

// context is the files that docker build would send, by .dockerignore.
func buildContext(t *testing.T) []string {
	t.Helper()
	text, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	patterns, err := ignorefile.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	tracked, err := exec.CommandContext(t.Context(), "git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatalf("list the files: %v", err)
	}
	var files []string
	for _, name := range strings.Split(strings.TrimRight(string(tracked), "\x00"), "\x00") {
		ignored, err := matcher.MatchesOrParentMatches(name)
		if err != nil {
			t.Fatal(err)
		}
		if !ignored {
			files = append(files, name)
		}
	}
	return files
}

func TestNoSecretGetsIntoTheBuild(t *testing.T) {
	t.Parallel()
	text, err := os.Open(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	patterns, err := ignorefile.ReadAll(text)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		".env": true, "deploy/.env": true, "cmd/watchword/.env": true, "watchword-data/master.key": true,
		"watchword-data/watchword.db": true, "cmd/watchword/watchword-data/master.key": true, ".git/config": true,
		"deploy/kubernetes/secret.yaml": true, "node_modules/x/index.js": true,
		"go.mod": false, "watchword.go": false, "cmd/watchword/main.go": false, "store/sqlstore/migrations/x.sql": false,
	} {
		if got, err := matcher.MatchesOrParentMatches(name); err != nil || got != want {
			t.Errorf("%s: ignored is %v, want %v (%v)", name, got, want, err)
		}
	}
}

// TestTheImageWorks builds as the Dockerfile does, of what docker would send, and
// runs the binary as the image would: with nothing else in the file system, as
// nobody, with a root that cannot be written to.
func TestTheImageWorks(t *testing.T) {
	t.Parallel()
	context, image := t.TempDir(), t.TempDir()
	for _, name := range buildContext(t) {
		copyFile(t, filepath.Join(root, name), filepath.Join(context, name))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w -X main.release=v1.2.3", "-o", filepath.Join(image, "watchword"), "./cmd/watchword")
	build.Dir = context
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("what .dockerignore lets through does not build: %v\n%s", err, output)
	}
	binary, err := elf.Open(filepath.Join(image, "watchword"))
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	if slices.ContainsFunc(binary.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary is not static")
	}
	runImage(t, image)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	source, err := os.Open(from)
	if os.IsNotExist(err) {
		return // git has it, and somebody removed it
	}
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if info, err := source.Stat(); err != nil || info.Mode()&fs.ModeType != 0 {
		return
	}
	target, err := os.Create(to)
	if err == nil {
		_, err = io.Copy(target, source)
		target.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// buffer is safe to read while a process writes to it.
type buffer = bytes.Buffer
