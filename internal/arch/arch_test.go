// Package arch holds the shape of the house: who may import whom. It has no
// code, one test.
package arch

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/watchwordauth/watchword"

// rule says what the code of a package (tests aside) may import.
type rule struct {
	ours    []string // packages of this module; the module's root is "."
	outside []string // modules or packages outside the standard library, by prefix
}

// table is the map of the house, from the bottom to the top. A package without a
// row fails: add it where it belongs.
var table = map[string]rule{
	"verify":            {}, // a resource server needs only this: the standard library alone
	"verify/verifytest": {ours: []string{"verify"}},

	"internal/uuid":     {},
	"trace":             {},
	"internal/batch":    {},
	"internal/lock":     {outside: []string{"golang.org/x/sys"}},
	"internal/secret":   {},
	"internal/throttle": {},
	"internal/password": {outside: []string{"golang.org/x/crypto"}},

	"audit":      {ours: []string{"internal/uuid"}},
	"account":    {ours: []string{"audit", "internal/password", "internal/throttle", "internal/uuid", "trace"}, outside: []string{"golang.org/x/text"}},
	"signing":    {ours: []string{"audit", "internal/secret", "internal/uuid", "verify"}},
	"session":    {ours: []string{"account", "audit", "internal/uuid", "signing", "verify", "trace"}},
	"revocation": {ours: []string{"account", "session"}},
	"journal":    {ours: []string{"account", "audit", "internal/batch", "internal/lock", "internal/uuid", "session", "signing", "store"}},
	"recovery":   {ours: []string{"account", "audit", "internal/uuid", "journal", "session", "store"}},

	"store":            {ours: []string{"account", "audit", "session", "signing"}},
	"store/memory":     {ours: []string{"account", "audit", "internal/uuid", "session", "signing", "store"}},
	"store/sqlstore":   {ours: []string{"account", "audit", "internal/batch", "internal/uuid", "session", "signing", "store"}},
	"store/mongostore": {ours: []string{"account", "audit", "internal/batch", "session", "signing", "store"}, outside: []string{"go.mongodb.org/mongo-driver/v2"}},
	"store/redisstore": {ours: []string{"account", "internal/batch", "session"}, outside: []string{"github.com/redis/rueidis"}},
	"store/ledger":     {ours: []string{"account", "internal/batch", "session"}},
	"store/storetest":  {ours: []string{"account", "audit", "internal/uuid", "session", "signing", "store"}, outside: []string{"github.com/anishathalye/porcupine", "github.com/google/go-cmp"}},

	"metric": {ours: []string{"account", "audit", "internal/batch", "session", "signing", "store", "trace"}},

	"httpapi": {ours: []string{"account", "audit", "internal/uuid", "metric", "revocation", "session", "signing", "verify", "trace"}},
	"webui":   {}, // it knows no more than any front end: it asks the API

	".": {ours: []string{"account", "audit", "httpapi", "internal/password", "internal/secret", "internal/throttle", "internal/uuid", "journal", "metric", "recovery", "revocation", "session", "signing", "store", "store/memory", "verify", "webui", "trace"}},

	"client":              {},
	"internal/simulate":   {ours: []string{"account", "audit", "internal/secret", "session", "signing", "store", "store/memory", "verify"}},
	"internal/arch":       {},
	"internal/servertest": {}, // for tests alone, as are the next two
	"internal/nodetest":   {ours: []string{"account", "session"}},
	"internal/fleet":      {},
	"cmd/watchword":       {ours: []string{"*"}, outside: []string{"*"}}, // the only place that names drivers
	"bench":               {ours: []string{"*"}, outside: []string{"*"}},
}

func TestImports(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			skip := name == "testdata" || name == "node_modules" || path != root && strings.HasPrefix(name, ".") && name != ".."
			if path != root && !skip {
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
					skip = true // a nested module has its own requirements
				}
			}
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		relative, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		check(t, filepath.ToSlash(relative), path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// check compares the imports of one file with the row of its package.
func check(t *testing.T, pkg, path string) {
	allowed, ok := table[pkg]
	if !ok && strings.HasPrefix(pkg, "examples/") {
		return // an example shows what a user may import: anything
	}
	if !ok {
		t.Errorf("package %s has no row in the table: say who it may import", pkg)
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Error(err)
			continue
		}
		switch {
		case name == module || strings.HasPrefix(name, module+"/"):
			ours := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
			if ours == "" {
				ours = "."
			}
			if !slices.Contains(allowed.ours, ours) && !slices.Contains(allowed.ours, "*") {
				t.Errorf("%s imports %s, which the table does not allow", path, ours)
			}
		case strings.Contains(strings.Split(name, "/")[0], "."):
			permitted := func(prefix string) bool {
				return prefix == "*" || name == prefix || strings.HasPrefix(name, prefix+"/")
			}
			if !slices.ContainsFunc(allowed.outside, permitted) {
				t.Errorf("%s imports %s, which the table does not allow", path, name)
			}
		}
	}
}
