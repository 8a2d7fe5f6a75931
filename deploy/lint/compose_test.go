package lint

import (
	"cmp"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// secretsMade are the variables that deploy/secrets.sh makes, with what it made.
func secretsMade(t *testing.T) []string {
	t.Helper()
	folder := t.TempDir()
	copyFile(t, "../secrets.sh", filepath.Join(folder, "secrets.sh"))
	run := func() string {
		output, err := exec.CommandContext(t.Context(), "sh", filepath.Join(folder, "secrets.sh")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		text, err := os.ReadFile(filepath.Join(folder, ".env"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	made := run()
	if again := run(); again != made {
		t.Error("the second time secrets.sh made other secrets")
	}
	info, err := os.Stat(filepath.Join(folder, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the secrets: %v", info.Mode())
	}
	var variables []string
	for line := range strings.Lines(made) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		if len(value) != 64 || slices.Contains(variables, name+"="+value) {
			t.Errorf("%s is not 32 random bytes", name)
		}
		variables = append(variables, name+"="+value)
	}
	if len(variables) < 3 {
		t.Errorf("it made %d secrets", len(variables))
	}
	return variables
}

func composeFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../compose*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("there are %d compose files (%v)", len(files), err)
	}
	return files
}

func load(t *testing.T, file string, environment []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(environment), cli.WithProfiles([]string{"*"}), cli.WithInterpolation(true), cli.WithConsistency(true))
	if err != nil {
		t.Fatal(err)
	}
	return options.LoadProject(t.Context())
}

// settings are the names in the environment that watchword serve knows.
func settings(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(root, "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`(WATCHWORD_[A-Z_]+)`").FindAllString(string(page), -1)
	for i := range names {
		names[i] = strings.Trim(names[i], "`")
	}
	if len(names) < 20 {
		t.Fatalf("docs/configuration.md tells of %d settings", len(names))
	}
	return names
}

func TestComposeFilesAreReadAndKeepToThemselves(t *testing.T) {
	t.Parallel()
	known, made := settings(t), secretsMade(t)
	for _, file := range composeFiles(t) {
		project, err := load(t, file, made)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		nodes := 0
		for _, service := range project.Services {
			checkService(t, file, service, made)
			if service.Image == "watchword" {
				nodes++
				checkNode(t, file, service, known)
			}
		}
		if nodes == 0 {
			t.Errorf("%s: there is no Watchword", file)
		}
	}
}

// checkService checks what holds of every container.
func checkService(t *testing.T, file string, s types.ServiceConfig, secrets []string) {
	if s.Privileged || s.NetworkMode == "host" || s.Pid == "host" {
		t.Errorf("%s: %s has the machine", file, s.Name)
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		t.Errorf("%s: %s may gain privileges", file, s.Name)
	}
	if s.Restart == "" {
		t.Errorf("%s: %s stays away after a crash", file, s.Name)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" && s.Name != "caddy" {
			t.Errorf("%s: %s is published to everybody at %s", file, s.Name, port.Published)
		}
	}
	line := strings.Join(append(append([]string{}, s.Command...), s.Entrypoint...), " ")
	if s.HealthCheck != nil {
		line += strings.Join(s.HealthCheck.Test, " ")
	}
	for _, secret := range secrets {
		if _, value, _ := strings.Cut(secret, "="); strings.Contains(line, value) {
			t.Errorf("%s: the command line of %s has a secret", file, s.Name)
		}
	}
	for _, volume := range s.Volumes {
		if _, err := os.Stat(volume.Source); volume.Type == types.VolumeTypeBind && err != nil { // Docker would make a folder
			t.Errorf("%s: %s: %v", file, s.Name, err)
		}
	}
	if name, tag, ok := strings.Cut(s.Image, ":"); s.Build == nil && (!ok || tag == "latest") {
		t.Errorf("%s: %s is of no version", file, name)
	}
}

// checkNode checks what holds of Watchword's own container.
func checkNode(t *testing.T, file string, s types.ServiceConfig, known []string) {
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || s.MemLimit == 0 || s.PidsLimit == 0 {
		t.Errorf("%s: %s is not confined", file, s.Name)
	}
	if s.StopGracePeriod == nil {
		t.Errorf("%s: %s is killed before it has drained", file, s.Name)
	}
	for name := range s.Environment {
		if !slices.Contains(known, name) {
			t.Errorf("%s: there is no setting %s", file, name)
		}
	}
}

// administrators are the names and passwords of those who may do everything in a
// server of an image.
var administrators = map[string]func(environment types.MappingWithEquals) (name, password string){
	"postgres": func(e types.MappingWithEquals) (string, string) {
		return cmp.Or(value(e, "POSTGRES_USER"), "postgres"), value(e, "POSTGRES_PASSWORD")
	},
	"mongo": func(e types.MappingWithEquals) (string, string) {
		return value(e, "MONGO_INITDB_ROOT_USERNAME"), value(e, "MONGO_INITDB_ROOT_PASSWORD")
	},
	"redis": func(e types.MappingWithEquals) (string, string) { return "default", value(e, "REDISCLI_AUTH") },
}

// value is that of a variable, "" if it is not set.
func value(environment types.MappingWithEquals, name string) string {
	if set := environment[name]; set != nil {
		return *set
	}
	return ""
}

func TestWatchwordAdministersNoDatabase(t *testing.T) {
	t.Parallel()
	made := secretsMade(t)
	for _, file := range composeFiles(t) {
		project, err := load(t, file, made)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, node := range project.Services {
			if node.Image != "watchword" {
				continue
			}
			for _, setting := range []string{"WATCHWORD_DATABASE", "WATCHWORD_SESSIONS"} {
				if address := value(node.Environment, setting); address != "" {
					checkAddress(t, file+": "+node.Name, node, project, address)
				}
			}
		}
	}
}

// checkAddress checks who a node is to a database.
func checkAddress(t *testing.T, who string, node types.ServiceConfig, project *types.Project, address string) {
	u, err := url.Parse(address)
	if err != nil {
		t.Errorf("%s has an address of a database that cannot be read", who)
		return
	}
	server := project.Services[u.Hostname()]
	image, _, _ := strings.Cut(server.Image, ":")
	if administrators[image] == nil {
		t.Errorf("%s: nobody knows who administers %q", who, image)
		return
	}
	name, password := administrators[image](server.Environment)
	if name == "" || password == "" {
		t.Errorf("%s: whoever comes administers %s", who, image)
		return
	}
	if u.User.Username() == name {
		t.Errorf("%s is the administrator of %s", who, image)
	}
	for variable := range node.Environment {
		if strings.Contains(value(node.Environment, variable), password) {
			t.Errorf("%s knows the password of the administrator of %s, from %s", who, image, variable)
		}
	}
	if own, _ := u.User.Password(); own != value(server.Environment, "WATCHWORD_PASSWORD") {
		t.Errorf("%s has another password than %s gives it", who, image)
	}
}

// The secrets of an older version are kept, and those that it did not know are added.
func TestSecretsThatAreMissingAreAdded(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	copyFile(t, "../secrets.sh", filepath.Join(folder, "secrets.sh"))
	const old = "POSTGRES_PASSWORD=kept" // an editor left no line break
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), "sh", filepath.Join(folder, "secrets.sh")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	text, err := os.ReadFile(filepath.Join(folder, ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), old+"\n") || strings.Count(string(text), "\nPOSTGRES_PASSWORD=") != 0 ||
		strings.Count(string(text), "\nPOSTGRES_ADMIN_PASSWORD=") != 1 {
		t.Errorf("it has %d bytes and is not what it was and more", len(text))
	}
}

func TestWithoutSecretsNothingStarts(t *testing.T) {
	t.Parallel()
	for _, file := range composeFiles(t) {
		_, err := load(t, file, nil)
		if filepath.Base(file) == "compose.yaml" { // which makes its own
			if err != nil {
				t.Errorf("%s: %v", file, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "run deploy/secrets.sh first") {
			t.Errorf("%s: without secrets: %v", file, err)
		}
	}
}
